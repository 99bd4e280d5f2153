"""Become another program that ends when its parent does: ``python -I -S launch.py SIGNAL PARENT UID GID PROGRAM …``.

A program started by a process that is killed goes on alone, and the next start finds its port and
folder taken. Linux can send a signal at the parent's death, but the request must come from inside the
new process, after the change of user (which clears it) and before the exec. Python's ``preexec_fn``
is the wrong place: it runs between fork and exec of a process with threads, where it may hang.

SIGNAL 0 asks for nothing, UID -1 changes nothing. This file MUST import nothing of the house: it runs
with the interpreter's own library only.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(death_signal: int, parent: int, uid: int, gid: int, command: list[str]) -> None:
    """Change the user, tie this process to ``parent``, and turn into ``command``."""
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if death_signal and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
