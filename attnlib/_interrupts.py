"""Ctrl-C that waits for a good moment."""

import signal
import threading


class Interrupt:
    """While it is open, the first Ctrl-C sets ``pressed`` and nothing else; a second one interrupts as usual.

    Only the main thread can take signals; in any other one this does nothing.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before = None

    def __enter__(self) -> "Interrupt":
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in a job that runs in the background
        if threading.current_thread() is threading.main_thread() and not ignored:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _press(self, *_) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
