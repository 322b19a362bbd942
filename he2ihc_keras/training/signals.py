"""Signals that ask a run to stop."""

import signal
import threading

# Ctrl-C; what a system sends before it kills; what SLURM's --signal=USR1@60 sends.
_NAMES = ("SIGINT", "SIGTERM", "SIGUSR1")


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop, and keeps what it had written.

    Attributes:
        signal: Number of the signal.
        step: Steps that the checkpoint holds which was written for it; `None` where no
            step was to be saved.
    """

    def __init__(self, signal_number: int, step: int | None = None):
        super().__init__(
            "Stopped; files that were finished stay."
            if step is None
            else f"Stopped after step {step}; the checkpoint is written."
        )
        self.signal = signal_number
        self.step = step


class Signals:
    """Within this context, a signal raises `Interrupted`: at once, or when it is safe.

    It is at once while networks are built and while images are scored. In training the
    signal waits for the end of a step, and until the steps are saved; a second one does
    what it does outside of this context.

    Attributes:
        received: The signal that came last; `None` if none did.
        has_unsaved: Whether steps are made, or some made that no checkpoint holds.
    """

    def __init__(self):
        self.received = None
        self.has_unsaved = lambda: False
        self._before = {}

    def __enter__(self):
        is_main = threading.current_thread() is threading.main_thread()
        names = _NAMES if is_main else ()
        for number in (getattr(signal, n) for n in names if hasattr(signal, n)):
            # A handler that was not set in Python is `None`.
            self._before[number] = signal.getsignal(number) or signal.SIG_DFL
            signal.signal(number, self._receive)
        return self

    def __exit__(self, kind, error, traceback):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is KeyboardInterrupt:
            raise Interrupted(signal.SIGINT) from None
        # Raised in the middle of a library, it may come out as another error, or not.
        if self.received is not None and not isinstance(error, Interrupted):
            raise Interrupted(self.received) from None

    def _receive(self, number, frame):
        self.received = number
        signal.signal(number, self._before[number])
        if not self.has_unsaved():
            raise Interrupted(number)
