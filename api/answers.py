"""Answers as bytes: straight from msgspec, without a detour through models."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


def json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``content`` as JSON; times are RFC 3339 in UTC."""
    return Response(_encoder.encode(content), status, headers, "application/json")
