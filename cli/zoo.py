"""he2ihc-keras zoo."""

import click

from he2ihc_keras.cli import console as consoles


@click.command()
@click.argument("name", required=False)
def zoo(name):
    """List the models, or show the card of NAME.

    \b
    Example:
      he2ihc-keras zoo
      he2ihc-keras zoo attn_pyramid
    """
    from rich.markdown import Markdown
    from rich.table import Table

    from he2ihc_keras import presets, zoo

    console = consoles.stdout()
    if name:
        card = presets.card if name in presets.names() else zoo.card
        console.print(Markdown(card(name)), soft_wrap=False)
        return
    table = Table("model", "what it does")
    for known in zoo.names():
        table.add_row(known, zoo.summary(known))
    console.print(table, soft_wrap=False)
    consoles.say(f"Trained, to try things on: {', '.join(presets.names())}.")
    consoles.say("he2ihc-keras zoo NAME shows the card of one.")
