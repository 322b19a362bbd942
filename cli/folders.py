"""Where models are, and the folder of a new run: free, or left by a killed start."""

import shutil
from pathlib import Path

import click

from he2ihc_keras import presets
from he2ihc_keras.cli import console as consoles


class ModelPath(click.Path):
    """Where a model is, or the name of one that comes with the package."""

    def convert(self, value, param, ctx):
        return super().convert(presets.found(value), param, ctx)


def free_folder(folder):
    """The folder, or the first of its name and a number that is not there yet."""
    candidates = [folder, *(Path(f"{folder}-{n}") for n in range(2, 10_000))]
    return next(candidate for candidate in candidates if not candidate.exists())


def check_is_free(out, resume, *, of_phantom):
    """Whether a run can begin there; with --resume, where a start was killed too."""
    from he2ihc_keras.training import RunFolder

    consoles.check_writable(out)
    if (out / "recipe.toml").exists():
        raise click.ClickException(
            f"{out} holds a run already. Continue it with --resume, or choose another "
            "folder with --out."
        )
    if out.exists() and not out.is_dir():
        raise click.ClickException(f"{out} is a file. Choose another --out.")
    run = RunFolder(out)
    held = run.others() if resume else sorted({*out.glob("*")} - {run.lock})
    held = [path for path in held if not (resume and of_phantom and _is_phantom(path))]
    if held:
        names = ", ".join(path.name for path in held[:3]) + ", ..." * (len(held) > 3)
        raise click.ClickException(
            f"{out} is not empty, it holds {names}. Choose another --out."
        )


def _is_phantom(path):
    # The second is its name until it is whole.
    return path.name == "phantom" or path.name.startswith(".phantom-")


def make_phantom(phantom, out, seed):
    """Makes it, or takes the one that a start made which was killed after that."""
    from he2ihc_keras.cli.phantom import make
    from he2ihc_keras.data import holds_phantom
    from he2ihc_keras.training import RunFolder, lock

    folder, pairs, size = out / "phantom", phantom["pairs"], phantom["size"]
    with lock.locked(RunFolder(out).lock):
        for unfinished in out.glob(".phantom-*"):
            shutil.rmtree(unfinished)
        if not folder.exists():
            make(folder, pairs, size, seed)
        elif not holds_phantom(folder, pairs, size=size, seed=seed):
            raise click.ClickException(
                f"{folder} is not the phantom of this recipe and seed. Remove it, or "
                "choose another --out."
            )
    return folder
