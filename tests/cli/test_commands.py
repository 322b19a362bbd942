import errno
from pathlib import Path

import click
import pytest

import he2ihc_keras
from he2ihc_keras import zoo
from he2ihc_keras.cli import main
from he2ihc_keras.cli.console import check_writable
from helpers import run_command

COMMANDS = main.list_commands(None)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(name):
    result = run_command(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"he2ihc-keras {name}" in result.output.partition("Example:")[2]


def test_version_is_the_package_s():
    version = f"he2ihc-keras, version {he2ihc_keras.__version__}\n"
    assert run_command("--version").output == version


def test_unknown_command_is_refused():
    assert "No such command 'trian'" in run_command("trian").output


def test_error_of_the_library_is_a_message_not_a_traceback():
    result = run_command("zoo", "unett")
    assert result.exit_code == 1
    assert result.output == (
        f"Error: Unknown model 'unett'. Known: {', '.join(zoo.names())}. "
        "Did you mean 'unet'?\n"
    )


def test_debug_shows_the_traceback():
    result = run_command("--debug", "zoo", "unett")
    assert isinstance(result.exception, ValueError)


# What the system refuses


@pytest.fixture
def command(monkeypatch):
    """Gives `zoo` an error to fail with; returns what it then does."""

    def fail_with(error, *options):
        def card(name):
            raise error

        monkeypatch.setattr("he2ihc_keras.zoo.card", card)
        return run_command(*options, "zoo", "unet")

    return fail_with


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), "a.png: No space "),
        (
            PermissionError(errno.EACCES, "Permission denied", "a"),
            "a: Permission denied",
        ),
        (OSError("Unable to open file"), "Unable to open file"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_error_of_the_system_is_a_message_not_a_traceback(command, error, message):
    result = command(error)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {message}")


def test_debug_shows_the_traceback_of_the_system_too(command):
    error = PermissionError(errno.EACCES, "Permission denied", "a")
    assert command(error, "--debug").exception is error


def test_reader_that_has_seen_enough_is_no_error(command):
    result = command(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (result.exit_code, result.output) == (1, "")


@pytest.mark.parametrize("name", ["convert", "export", "predict"])
def test_place_that_cannot_be_written_is_told_before_the_work(name, tmp_path):
    file, out = tmp_path / "file", tmp_path / "file" / "deeper" / "x.keras"
    file.write_bytes(b"no model and no image")
    result = run_command(name, file, *[file] * (name == "predict"), "--out", out)
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {out} cannot be written. {file}: Not a directory. Choose another "
        "--out.\n"
    )


@pytest.mark.parametrize("name", ["", "new", "new/deeper/new", "file"])
def test_place_that_can_be_written_is_left_as_it_is(name, tmp_path):
    (tmp_path / "file").write_text("as before")
    check_writable(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as before"


def test_relative_place_is_relative_to_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    check_writable(Path("new/deeper"))
    with pytest.raises(click.ClickException, match="^file/new cannot be written"):
        check_writable(Path("file/new"))


def test_zoo_lists_every_model():
    output = run_command("zoo").output
    assert all(name in output for name in ("attn_pyramid", "pix2pix", "unet"))


def test_zoo_shows_a_card():
    output = run_command("zoo", "attn_pyramid").output
    assert "Not for diagnosis" in output


def test_phantom_and_check_agree(tmp_path):
    folder = tmp_path / "pairs"
    made = run_command("phantom", folder, "--pairs", 16, "--size", 32)
    assert made.exit_code == 0, made.output
    checked = run_command("check", folder)
    assert checked.exit_code == 0, checked.output
    assert "BCI layout" in checked.output
    assert "No problem found." in checked.output


def test_check_exits_with_1_if_there_is_a_problem(tmp_path):
    folder = tmp_path / "pairs"
    run_command("phantom", folder, "--pairs", 16, "--size", 32)
    missing = next((folder / "IHC" / "train").iterdir())
    missing.unlink()
    result = run_command("check", folder)
    assert result.exit_code == 1
    assert missing.stem in result.output
