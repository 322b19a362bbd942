"""Progress bars and the console that all commands share."""

import contextlib


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
