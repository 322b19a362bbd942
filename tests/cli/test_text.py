"""What people call their files is text: no markup, no code for the terminal."""

import os
import shlex
import subprocess
import sys

import pytest

from he2ihc_keras.cli import console
from helpers import ok, run_command

REGION = "Slide 1 [x=0,y=0,w=64,h=64]"


def run_line(*arguments, **environment):
    """Runs the command line in a process of its own, whose output is bytes."""
    command = [sys.executable, "-m", "he2ihc_keras.cli", *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True)


def test_brackets_are_shown_and_printed_commands_can_be_pasted(tmp_path):
    pairs, run = tmp_path / REGION, tmp_path / "exp [/b] [bold]"
    ok("phantom", pairs, "--pairs", 12, "--size", 32)
    sizes = ("--epochs", 1, "--batch-size", 1, "--patch-size", 32)
    small = ("--set", "networks.generator.filters=2")
    output = ok("train", "unet", "--data", pairs, "--out", run, *sizes, *small)
    assert f"Data: {pairs}, BCI layout" in output
    assert f"Run folder: {run}" in output
    [line] = [line for line in output.splitlines() if line.startswith("Levels")]
    _, _, *arguments = shlex.split(line)
    assert "Held-out split: test, 4 pairs" in ok(*arguments)
    compared = ok("compare", run / "scores.csv", run / "scores.csv")
    assert f"A: {run / 'scores.csv'}" in compared


@pytest.mark.parametrize("command", ["check", "train"])
def test_codes_for_the_terminal_are_shown(tmp_path, command):
    folder = tmp_path / "x\x1b[31mred"
    folder.mkdir()
    arguments = (folder,) if command == "check" else ("unet", "--data", folder)
    output = run_command(command, *arguments).output
    assert "\x1b" not in output
    assert f"{tmp_path}/x\\x1b[31mred" in output


def test_line_breaks_and_letters_stay():
    assert console.visible("Präparat µ\n\tb") == "Präparat µ\n\tb"
    assert console.visible("\x07\x9b\x00") == "\\x07\\x9b\\x00"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_terminals_of_few_letters_get_the_others_named(tmp_path, encoding):
    run = tmp_path / "Präparat ①"
    arguments = ("train", "unet", "--dry-run", "--out", run)
    result = run_line(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    said = f"Would train into {run}.".encode(encoding, "backslashreplace")
    assert said in result.stdout
