"""`python -m he2ihc_keras.cli`."""

from he2ihc_keras.cli import main

main(prog_name="he2ihc-keras")
