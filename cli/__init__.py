"""The command `he2ihc-keras`: each command parses, calls the library, prints."""

import importlib

import click

import he2ihc_keras
from he2ihc_keras.cli import console

_COMMANDS = {
    "train": "Train a model; with no argument, on built-in data.",
    "predict": "Stain H&E images.",
    "score": "Score stained images beside trivial baselines.",
    "level": "Read HER2 levels: by a trained reader, or by people, blinded.",
    "compare": "Say whether one result is better than another, or that it is noise.",
    "report": "Write scores as a page for a colleague.",
    "export": "Write a SavedModel.",
    "convert": "Make a Keras model of published PyTorch weights.",
    "zoo": "List the models, or show the card of one.",
    "check": "Report what a data folder holds and what is wrong.",
    "phantom": "Make synthetic pairs to try things on.",
}

_INTERRUPTED = 130  # what a shell gives a program that Ctrl-C ended


class _Commands(click.Group):
    """Loads a command when it is called, and turns errors into messages."""

    def list_commands(self, context):
        return list(_COMMANDS)

    def get_command(self, context, name):
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"he2ihc_keras.cli.{name}")
        return getattr(module, name)

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, context):
        console.say_what_cannot_be_shown()
        # The library says what is wrong with an input by the first three, and the
        # system what is wrong with a file or a disk by the last.
        try:
            return super().invoke(context)
        except click.ClickException as error:
            error.message = console.visible(error.message)
            raise
        except KeyboardInterrupt:
            click.echo("Stopped. Files that were finished stay.", err=True)
            raise SystemExit(_INTERRUPTED) from None
        except BrokenPipeError:  # of `| head`, which click knows to end quietly
            raise
        except (ValueError, TypeError, FloatingPointError, OSError) as error:
            if context.params.get("debug"):
                raise
            raise click.ClickException(console.visible(_message(error))) from error


def _message(error):
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error) or type(error).__name__


@click.group(cls=_Commands)
@click.version_option(he2ihc_keras.__version__, prog_name="he2ihc-keras")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug):
    """Virtual staining: HER2 IHC from H&E patches of breast tissue.

    Not for diagnosis.

    \b
    Example:
      he2ihc-keras train
      he2ihc-keras train attn_pyramid --data BCI_dataset --out runs/bci
      he2ihc-keras predict runs/bci slides/patches --out stained
    """
