"""The account a server runs under when we are root, and its way to the files it needs.

PostgreSQL refuses to run as root, and rightly. Root then runs it as ``postgres`` where the machine has
that account, else as ``nobody``; no account is made and no password file changed. That account must be
able to reach the programs and the data, which may lie below a closed folder such as ``/root``. Instead
of opening such a folder to everybody, it alone is let through: a POSIX access list entry with the right
to search, not to list (acl(5); the attribute's layout is that of Linux's posix_acl_xattr.h).
"""

import errno
import os
import pwd
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

ACL = "system.posix_acl_access"
ACL_VERSION = 2
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
NOBODY_IN_PARTICULAR = 0xFFFFFFFF
SEARCH = 1


class OutOfReach(PermissionError):
    """PostgreSQL's account may not enter a folder, and this file system cannot let it through alone."""


@dataclass(frozen=True)
class Account:
    """An account of the machine."""

    name: str
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """The account to run PostgreSQL under; None when we are not root and it can be our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise OutOfReach("PostgreSQL does not run as root and there is no account postgres or nobody: use another account.")


def let_reach(path: Path, account: Account) -> None:
    """Let ``account`` go through every folder above ``path``."""
    for folder in reversed(path.resolve().parents):
        if not _may_search(folder.stat(), account):
            _admit(folder, account)


def _may_search(folder: os.stat_result, account: Account) -> bool:
    if folder.st_uid == account.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _admit(folder: Path, account: Account) -> None:
    """Add the right to search to the folder's access list."""
    if sys.platform != "linux":
        raise OutOfReach(f"{account.name} may not enter {folder}: run Acta from another account or another folder.")
    entries = _entries(folder)
    entries[(USER, account.uid)] = entries.get((USER, account.uid), 0) | SEARCH
    mask = (MASK, NOBODY_IN_PARTICULAR)
    entries[mask] = entries.get(mask, entries[(GROUP_OBJ, NOBODY_IN_PARTICULAR)]) | SEARCH
    packed = b"".join(struct.pack("<HHI", tag, rights, who) for (tag, who), rights in sorted(entries.items()))
    try:
        os.setxattr(folder, ACL, struct.pack("<I", ACL_VERSION) + packed)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EROFS):
            raise
        raise OutOfReach(
            f"PostgreSQL cannot run as root, so it runs as {account.name}, who may not enter {folder}. "
            "Run Acta from another account, keep it in another folder, or allow it: "
            f"chmod o+x {folder}"
        ) from error


def _entries(folder: Path) -> dict[tuple[int, int], int]:
    """The folder's access list, {(kind, id): rights}; made from its mode where it has none."""
    try:
        packed = os.getxattr(folder, ACL)
    except OSError:
        mode = folder.stat().st_mode
        rights = {USER_OBJ: mode >> 6 & 7, GROUP_OBJ: mode >> 3 & 7, OTHER: mode & 7}
        return {(tag, NOBODY_IN_PARTICULAR): right for tag, right in rights.items()}
    return {(tag, who): rights for tag, rights, who in struct.iter_unpack("<HHI", packed[4:])}
