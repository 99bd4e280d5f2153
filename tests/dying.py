"""A process that dies at any of its changes of a file, without a process: other threads live on."""

import os
from collections.abc import Callable
from threading import get_ident
from typing import Any

import pytest


class Killed(BaseException):
    """The process is no more."""


CALLS = ("pwrite", "fsync", "ftruncate", "replace")


def dying(at: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, torn: bool) -> bool:
    """Do ``act`` in a process that dies at its ``at``-th change of a file, with half of it done; whether it died."""
    left, me = [at], get_ident()

    def fatal(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **more: Any) -> Any:
            left[0] -= get_ident() == me
            if left[0] > 0 or get_ident() != me:
                return call(*given, **more)
            if torn and name == "pwrite":
                file, content, place = given
                call(file, content[: len(content) // 2], place)
            raise Killed

        return called

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, fatal(name, getattr(os, name)))
        try:
            act()
        except Killed:
            return True
    return False
