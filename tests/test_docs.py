"""README and examples do what they say."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from he2ihc_keras import models, zoo
from he2ihc_keras.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = {
    "attention_step.py": ["--size", "32", "--filters", "8"],
    "train_in_python.py": ["--epochs", "1", "--out", "{out}"],
    "score_speed.py": ["--pairs", "10", "--size", "64"],
    "panel.py": ["{out}/run", "--out", "{out}/panel.png"],  # of the run before it
    "black_unet.py": [
        *("--steps", "2", "--seeds", "1", "--size", "32", "--filters", "2"),
    ],
    "report_table.py": ["--quick", "--seeds", "2", "--out", "{out}/table"],
}


def test_python_of_the_readme_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["ihc"].shape == (1, 128, 128, 3)


@pytest.mark.parametrize("name", zoo.names())
def test_readme_links_each_card(name):
    assert f"](zoo/{name}.md)" in README


@pytest.mark.parametrize("name", models.generators())
def test_readme_has_each_model_with_its_true_weights_and_card(name):
    model = models.build(name)
    weights = sum(w.shape.num_elements() for w in model.trainable_weights)
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}`"))
    assert f"| {weights:,} |" in row
    assert f"(zoo/{name}.md)" in row


@pytest.mark.parametrize("command", main.list_commands(None))
def test_readme_shows_each_command(command):
    assert f"he2ihc-keras {command}" in README


def test_session_of_the_readme_runs_word_for_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^\$ he2ihc-keras (.*)$", README, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line))
        assert result.exit_code == 0, f"{line}\n{result.output}"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_of_the_readme_lead_somewhere(link):
    assert link.startswith("https://") or (ROOT / link).exists()


def test_every_example_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == EXAMPLES.keys()


def test_examples_run_to_their_end(tmp_path):
    for name, arguments in EXAMPLES.items():
        arguments = [argument.format(out=tmp_path / "out") for argument in arguments]
        command = [sys.executable, ROOT / "examples" / name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout
