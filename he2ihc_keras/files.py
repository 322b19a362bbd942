"""Files that are whole, and what is said of those that are not."""

import contextlib
import io
import os
import platform
import shutil
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

# What a damaged file raises once its bytes have been read
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)


# Of temporary names: which machine wrote them
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_CLEARED: set[Path] = set()


class Damaged(ValueError):
    """A file that was read to its end and is torn, rotten or of other content."""


@contextlib.contextmanager
def whole_file(path: str | Path, ending: str = "") -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to `path` if nothing goes wrong.

    A reader, or a run that was killed, never meets half a file; what a killed process
    of this machine left in the folder is removed.

    Args:
        path: The file.
        ending: What the temporary name ends in, where its writer asks for that.
    """
    path = Path(path)
    temporary = _temporary(path, ending)
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """As `whole_file`, of a folder that is not there yet, or is empty.

    Yields:
        The temporary name; what is filled makes the folder.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        if path.exists():
            path.rmdir()  # Windows does not replace even an empty folder
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path, ending=""):
    _clear(path.parent)
    name = f".{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp{ending}"
    return path.with_name(name)


def _clear(folder):
    """Removes what dead processes of this machine left, once for a folder."""
    folder = folder.resolve()
    if folder in _CLEARED:
        return
    _CLEARED.add(folder)
    for leftover in folder.glob(f".{_HOST}-*.tmp*"):
        process = leftover.name.split("-")[1]
        if process.isdigit() and not _is_alive(int(process)):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _is_alive(process):
    if os.name != "posix":  # where signal 0 is a signal
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _flush_to_disk(path: Path) -> None:
    # Before the rename: a power cut then leaves the old file or the new one.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_zip(path: Path) -> io.BytesIO:
    """The content of a zip file whose checksums are all right.

    First the bytes and then their meaning, as `zipfile` takes an error of the disk for
    a damaged file.

    Raises:
        Damaged: If the file is torn, rotten or no zip file.
        ValueError: If it cannot be read now, which says nothing of what it holds.
    """
    with naming_disk_errors(path):
        content = io.BytesIO(path.read_bytes())
    with naming_damage(path), zipfile.ZipFile(content) as file:
        rotten = file.testzip()
        if rotten is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {rotten}")
    content.seek(0)
    return content


@contextlib.contextmanager
def naming_disk_errors(path: Path) -> Iterator[None]:
    """Raises an error of the system as a `ValueError` that names the file."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read or moved now: {error.strerror or error}. Nothing "
            "is lost: try again when it can be."
        ) from error


@contextlib.contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Raises what a damaged file raises as `Damaged`, which names it."""
    try:
        yield
    except DAMAGE as error:
        raise Damaged(f"{path} is damaged: {error}.") from error
