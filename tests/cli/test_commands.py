import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import he2ihc_keras
from he2ihc_keras.cli import main

COMMANDS = main.list_commands(None)


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(name):
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"he2ihc-keras {name}" in result.output.partition("Example:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    command = main.get_command(None, name)
    options = [p for p in command.params if isinstance(p, click.Option)]
    unclear = [o.name for o in options if not o.help and not o.type.to_info_dict()]
    assert not unclear


@pytest.mark.parametrize("arguments", [[], ["train"], ["score"], ["zoo"]])
def test_help_imports_neither_tensorflow_nor_keras(arguments):
    code = (
        "import sys\n"
        "from he2ihc_keras.cli import main\n"
        f"main([*{arguments}, '--help'], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_version_is_the_package_s():
    assert (
        run("--version").output == f"he2ihc-keras, version {he2ihc_keras.__version__}\n"
    )


def test_unknown_command_is_refused():
    assert "No such command 'trian'" in run("trian").output


def test_error_of_the_library_is_a_message_not_a_traceback():
    result = run("zoo", "unett")
    assert result.exit_code == 1
    assert result.output == (
        "Error: Unknown model 'unett'. "
        "Known: attn_pyramid, pix2pix, pyramid_pix2pix, unet, unet_gan. "
        "Did you mean 'unet'?\n"
    )


def test_debug_shows_the_traceback():
    result = run("--debug", "zoo", "unett")
    assert isinstance(result.exception, ValueError)


def test_zoo_lists_every_model():
    output = run("zoo").output
    assert all(name in output for name in ("attn_pyramid", "pix2pix", "unet"))


def test_zoo_shows_a_card():
    output = run("zoo", "attn_pyramid").output
    assert "Not for diagnosis" in output


def test_phantom_and_check_agree(tmp_path):
    folder = tmp_path / "pairs"
    made = run("phantom", folder, "--pairs", 16, "--size", 32)
    assert made.exit_code == 0, made.output
    checked = run("check", folder)
    assert checked.exit_code == 0, checked.output
    assert "BCI layout" in checked.output
    assert "No problem found." in checked.output


def test_check_exits_with_1_if_there_is_a_problem(tmp_path):
    folder = tmp_path / "pairs"
    run("phantom", folder, "--pairs", 16, "--size", 32)
    missing = next((folder / "IHC" / "train").iterdir())
    missing.unlink()
    result = run("check", folder)
    assert result.exit_code == 1
    assert missing.stem in result.output
