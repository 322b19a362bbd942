"""One process at a time trains into a run folder."""

import contextlib
import datetime
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes from training into a folder; makes it if need be.

    The operating system gives the lock back when its process ends, even if it is
    killed, and to the processes of other hosts where the file system shares locks; the
    file stays. On one without locks the file itself is the lock. The file beside it,
    `holder(path)`, says who has it.

    Args:
        path: The lock, in the folder.

    Raises:
        ValueError: If another process trains into the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(_refusal(path)) from None
    try:
        holder(path).write_text(json.dumps(_this_process(), indent=2) + "\n")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder(path).unlink()
        lock.release()


def holder(path: Path) -> Path:
    """The file that names host, process and time of who has a lock, or was killed."""
    return path.with_name("training.json")


def _this_process():
    now = datetime.datetime.now().astimezone()
    return {
        "host": platform.node(),
        "process": os.getpid(),
        "since": now.isoformat(" ", "seconds"),
    }


def _refusal(path):
    who, elsewhere = "another process", ""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(holder(path).read_text())
        who = f"process {told['process']} on {told['host']}, since {told['since']},"
        if told["host"] != platform.node():
            elsewhere = f" If it no longer runs there, remove {path}."
    return (
        f"{path.parent} is in use: {who} trains into it. Wait for it, or choose "
        f"another --out.{elsewhere}"
    )
