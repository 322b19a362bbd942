"""One process at a time trains into a run folder."""

import contextlib
import datetime
import json
import os
import platform
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes from training into a folder; makes it if need be.

    The lock is a file that names host, process and time. What a killed process left is
    recognised on the host where it ran, and taken over.

    Args:
        path: The lock, in the folder.

    Raises:
        ValueError: If another process trains into the folder, or may do so: of another
            host it cannot be told from here.
    """
    mine = json.dumps(_this_process(), indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    while not _create(path, mine):
        _remove_if_stale(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text() == mine:
                path.unlink()


def _create(path, text):
    """Makes the file, with its text in it, unless there is one; says whether it did."""
    temporary = _temporary(path)
    temporary.write_text(text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS says so too of a link that it made, where its first answer was lost.
        return temporary.stat().st_nlink > 1
    except OSError:  # a file system without links
        return _create_in_place(path, text)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _create_in_place(path, text):
    try:
        with open(path, "x") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _remove_if_stale(path):
    try:
        text = path.read_text()
    except FileNotFoundError:  # given back meanwhile
        return
    if not _is_stale(_holder(text)):
        raise ValueError(_refusal(path, _holder(text)))
    # Of several that find it stale, one moves it. Who moves the next one's lock instead
    # puts it back.
    aside = _temporary(path)
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        if aside.read_text() == text:
            aside.unlink()
        else:
            aside.rename(path)


def _temporary(path):
    return path.with_name(f".{uuid.uuid4().hex}.tmp")


def _holder(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _refusal(path, holder):
    known = {"process": "?", "host": "an unknown host", "since": "?", **holder}
    message = (
        f"{path.parent} is in use: process {known['process']} on {known['host']} "
        f"trains into it since {known['since']}. Wait for it, or choose another --out."
    )
    if holder.get("place") == _place():
        return message
    return (
        f"{message} If it no longer runs, which only its host can tell, remove {path}."
    )


# Processes


def _this_process():
    return {
        "host": platform.node(),
        "process": os.getpid(),
        "since": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        "began": _began(os.getpid()),
        "place": _place(),
    }


def _place():
    """Within one, a number stands for one process: machine, and container."""
    machine, namespace = "", ""
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return [platform.node(), machine, namespace]


def _is_stale(holder):
    """Whether the process that made a lock is certainly gone."""
    if holder.get("place") != _place():
        return False
    began = _began(holder["process"])
    if began is not None:  # else another process has its number by now
        return began != holder["began"]
    return not _exists(holder["process"])


def _began(process):
    """Boot and tick at which a process began; `None` where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, tick = fields[0], fields[19]
    return "ended" if state in "ZX" else f"{boot} {tick}"


def _exists(process):
    if os.name != "posix":  # where `kill` would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True
