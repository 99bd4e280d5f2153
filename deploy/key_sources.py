"""Where the desk's own keys come from: a file, the environment, or a command that asks a key-management service.

A key is never shown: not in an error, a log line, a list of processes, nor in the image of a process that crashed.
"""

import ctypes
import logging
import os
import resource
import shlex
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes
from tempfile import mkstemp
from typing import NamedTuple

from pydantic import SecretStr

from deploy.settings import PREFIX, Settings, SettingsError, without_keys

KEY_BYTES = 32
COMMAND_SECONDS = 30.0
_PR_SET_DUMPABLE = 4
_MOUNTED = Path("/run/secrets")
"""Files here are put in by whoever runs the container, and their mode is not ours to complain of."""
_log = logging.getLogger("acta.deploy")


class KeySource(NamedTuple):
    """Where a key is: in itself, printed by a command, or in a file. ``variable`` is the setting that says so.

    ``home`` is the file in the desk's own folder, in which it is looked for when no setting says anything.
    """

    variable: str
    text: SecretStr | None
    command: SecretStr | None
    file: Path
    is_home: bool


def source_of(settings: Settings, key: str) -> KeySource:
    """Where the secret of this name (one of ``KEYS``) is."""
    text, file, command = (getattr(settings, f"{key}{suffix}") for suffix in ("", "_file", "_command"))
    suffix = "" if text else "_COMMAND" if command else "_FILE"
    home = settings.home / key.replace("_", ".")
    is_home = text is None and file is None and command is None
    return KeySource(f"{PREFIX}{key.upper()}{suffix}", text, command, file or home, is_home)


def drawn_if_first(source: KeySource, warning: str) -> None:
    """Draw the key of a desk on a machine of one's own, unless it is there; the warning names the file (``%s``)."""
    if source.is_home and not source.file.exists() and draw_key(source.file):
        _log.warning(warning, source.file)


def draw_key(path: Path) -> bool:
    """Draw a key into a file that only its owner reads; of two processes that draw at once, one does and is told True.

    The file is there whole, also after a loss of power, or not at all.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return put_whole(path, token_bytes(KEY_BYTES), os.link)


def put_whole(
    path: Path, content: bytes, place: Callable[[str, Path], None], like: os.stat_result | None = None
) -> bool:
    """Write a file and ``place`` it when it is durable; False if one is there already and stays.

    Only its owner reads it; or it has the owner and the mode of the file that it is ``like``.
    """
    handle, draft = mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            if like is not None:
                os.fchmod(handle, like.st_mode & 0o777)
                os.fchown(handle, like.st_uid, like.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        place(draft, path)
    except FileExistsError:
        return False
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)
    return True


def key_from(source: KeySource) -> bytes:
    """The one key of a source."""
    return _one(keys_from(source), source.variable)


def keys_from(source: KeySource) -> tuple[bytes, ...]:
    """The keys of a source, in its order; there are several while one takes the place of another.

    Raises ``SettingsError``, which never holds what was read. From here on this process leaves no image of itself.
    """
    stay_out_of_dumps()
    where = source.variable if source.text or source.command else f"{source.variable}: {source.file}"
    return _keys_in(_content(source), where)


class Password(str):
    """A password that a library may have as text, and show or log with all else that it was given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


def password_from(source: KeySource) -> Password:
    """The password of a source, without the end of its line; raises ``SettingsError``, which never holds it."""
    stay_out_of_dumps()
    try:
        password = Password(_content(source).decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise SettingsError(f"{source.variable}: the password is not text in UTF-8.") from None
    if not password:
        raise SettingsError(f"{source.variable}: the password is empty.")
    return password


def secret_bytes(path: Path, variable: str) -> bytes:
    """The one key in a file; what is wrong is said with the variable."""
    return key_from(KeySource(variable, None, None, path, False))


def stay_out_of_dumps() -> None:
    """Let this process leave no core dump, and no other process of the same account look into it.

    Programs that it starts are not concerned by the second.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if sys.platform == "linux":
        # The limit does not hold where dumps are piped into a program.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _one(keys: tuple[bytes, ...], variable: str) -> bytes:
    if len(keys) > 1:
        raise SettingsError(f"{variable}: holds {len(keys)} keys; there can be one only.")
    return keys[0]


def _keys_in(content: bytes, where: str) -> tuple[bytes, ...]:
    if len(content) == KEY_BYTES:
        return (content,)
    lines = content.split()
    keys = tuple(key for line in lines if (key := _decoded(line)) is not None)
    if not keys or len(keys) < len(lines):
        raise SettingsError(
            f"{where}{'' if ': ' in where else ':'} must hold 32 bytes: raw, in hexadecimal, or as base64;"
            " several keys, in hexadecimal or base64, each on a line of its own."
        )
    return keys


def _decoded(line: bytes) -> bytes | None:
    for decode in (bytes.fromhex, lambda text: b64decode(text, validate=True)):
        with suppress(ValueError):
            decoded = decode(line.decode("ascii"))
            if len(decoded) == KEY_BYTES:
                return decoded
    return None


def _content(source: KeySource) -> bytes:
    if source.text is not None:
        return source.text.get_secret_value().encode()
    if source.command is not None:
        return _printed_by(source.command.get_secret_value(), source.variable)
    return _content_of(source.file, source.variable)


def _content_of(path: Path, variable: str) -> bytes:
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode & 0o777
    except OSError as fault:
        raise SettingsError(f"{variable}: {path} cannot be read ({fault.strerror}).") from None
    if mode & 0o077 and _MOUNTED not in path.absolute().parents:
        _log.warning("%s: others than its owner may open %s (mode %o): chmod 600 it", variable, path, mode)
    return content


def _printed_by(command: str, variable: str) -> bytes:
    """What a command prints. It gets no input, and leads a process group, so that all of it can be ended."""
    try:
        words = shlex.split(command)
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=without_keys(os.environ),
        )
    except (OSError, ValueError, IndexError) as fault:
        why = getattr(fault, "strerror", None) or "it is no command"
        raise SettingsError(f"{variable}: its program cannot be started ({why}).") from None
    try:
        printed, _ = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise SettingsError(f"{variable}: the command gave no key within {COMMAND_SECONDS:.0f} s.") from None
    if process.returncode:
        raise SettingsError(
            f"{variable}: the command ended with status {process.returncode}; run it by hand to see why, for what it"
            " says is not repeated here."
        )
    return printed
