"""Progress bars and the console that all commands share."""

import contextlib
import tempfile

import click


def check_writable(out):
    """Refuses a place that cannot be written, before the long work; leaves no trace.

    Args:
        out: The file or folder to make, or one to replace or add to. Folders above it
            need not exist.

    Raises:
        click.ClickException: If no file can be made there.
    """
    folder = out.absolute() if out.is_dir() else out.absolute().parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise click.ClickException(
            f"{out} cannot be written. {folder}: {error.strerror}. Choose another "
            "--out."
        ) from error


def stdout():
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


@contextlib.contextmanager
def bar(title, console=None):
    """A progress bar on standard error; gives `advance(done, total)`."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with progress:
        task = progress.add_task(title, total=None)

        def advance(done, total=None, title=None):
            progress.update(task, completed=done, total=total, description=title)

        yield advance
