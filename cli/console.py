"""Progress bars and the console that all commands share."""

import contextlib
import shlex
import sys
import tempfile

import click

# What a terminal would act upon, but for a new line and a tab
_CONTROLS = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160))}
del _CONTROLS[ord("\n")], _CONTROLS[ord("\t")]


def visible(text):
    """A text that a terminal only shows: escape codes, as a name may hold, in words."""
    return text.translate(_CONTROLS)


def say(text, *, err=False):
    """Prints a text as it is, to standard output or error."""
    click.echo(visible(text), err=err)


def quoted(path):
    """A path as part of a command that can be pasted, if it holds no code."""
    return visible(shlex.quote(str(path)))


def say_what_cannot_be_shown():
    """Has output name what its terminal has no letters for, instead of ending there."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


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
    """Where results go; text is text, whatever brackets or codes it holds."""
    from rich.console import Console

    class Plain(Console):
        def render_str(self, text, **options):
            return super().render_str(visible(text), **options)

    return Plain(highlight=False, soft_wrap=True, markup=False, emoji=False)


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
        TextColumn("{task.description}", markup=False),
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
