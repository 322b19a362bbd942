"""README and examples do what they say."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from he2ihc_keras import models, zoo
from he2ihc_keras.cli import main
from helpers import ok

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = {
    "attention_step.py": ["--size", "32", "--filters", "8"],
    "train_in_python.py": ["--epochs", "1", "--out", "{out}"],
    "score_speed.py": ["--pairs", "10", "--size", "64"],
    "panel.py": ["{out}/run", "--out", "{out}/panel.png"],  # of the run before it
}
STUDIES = {  # train one network after the other
    "black_unet.py": [
        *("--steps", "2", "--seeds", "1", "--size", "32", "--filters", "2"),
    ],
    "report_table.py": [
        *("--quick", "--seeds", "2", "--out", "{out}/table"),
        *("--systems", "bridge", "pyramid_pix2pix", "attn_pyramid"),
    ],
    "spread.py": [  # of a run of the table before it
        *("{out}/table/bridge-seed0", "--samples", "2", "--out", "{out}/spread.png"),
    ],
    "unet_settings.py": ["--quick", "--out", "{out}/settings"],
}


def test_python_of_the_readme_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["ihc"].shape == (1, 128, 128, 3)


def test_readme_links_each_card():
    links = [f"](zoo/{name}.md)" for name in zoo.names()]
    assert [link for link in links if link not in README] == []


@pytest.mark.parametrize("name", models.generators())
def test_readme_has_each_model_with_its_true_weights_and_card(name):
    model = models.build(name)
    weights = sum(w.shape.num_elements() for w in model.trainable_weights)
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}`"))
    assert f"| {weights:,} |" in row
    assert f"(zoo/{name}.md)" in row


def test_readme_shows_each_command():
    commands = [f"he2ihc-keras {command}" for command in main.list_commands(None)]
    assert [command for command in commands if command not in README] == []


@pytest.mark.slow
def test_session_of_the_readme_runs_word_for_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^\$ he2ihc-keras (.*)$", README, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        ok(*shlex.split(line))


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    ours = [link for link in links if not link.startswith("https://")]
    assert ours
    assert [link for link in ours if not (ROOT / link).exists()] == []


DOCUMENTS = (*ROOT.glob("*.md"), *ROOT.glob("zoo/*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_are_there(document):
    named = re.findall(
        r"(?:tests|examples|he2ihc_keras)/[\w./]*\w", document.read_text("utf-8")
    )
    # `x` is the reader's own
    ours = [name for name in named if not re.search(r"\bx\b|_x\b", name)]
    assert [name for name in ours if not (ROOT / name).exists()] == []


def test_every_example_is_run():
    examples = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert examples == {*EXAMPLES, *STUDIES}


def run_examples(examples, out, monkeypatch, capsys):
    for name, arguments in examples.items():
        arguments = [argument.format(out=out) for argument in arguments]
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        assert capsys.readouterr().out, name


def test_examples_run_to_their_end(tmp_path, monkeypatch, capsys):
    run_examples(EXAMPLES, tmp_path, monkeypatch, capsys)


@pytest.mark.slow
def test_studies_run_to_their_end(tmp_path, monkeypatch, capsys):
    run_examples(STUDIES, tmp_path, monkeypatch, capsys)
