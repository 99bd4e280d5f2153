"""A process that stops itself in the middle of its work, and says so before."""

import signal
import threading


def stop_here(place: str) -> None:
    """Stop this process; the thread that calls goes no further before it is woken.

    The signal is sent to this thread: one to the process may reach another first, and this one would go on a while.
    """
    print(f"stopping {place}", flush=True)
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
