"""Files and folders that are whole, and what a killed process leaves of them."""

import os
import signal
import subprocess
import sys

import pytest

from he2ihc_keras import files

KILLED = """
import os, signal, sys
from pathlib import Path
from he2ihc_keras.files import whole_file, whole_folder

with whole_folder(Path(sys.argv[1]) / "folder") as folder:
    folder.mkdir()
    with whole_file(Path(sys.argv[1]) / "a.txt") as file:
        file.write_text("half")
        print(file, folder, sep="\\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def cleared(monkeypatch):
    """As in a new process."""
    monkeypatch.setattr(files, "_CLEARED", set())


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL
    left = sorted(killed.stdout.split())
    assert sorted(str(path) for path in tmp_path.iterdir()) == left
    with files.whole_file(tmp_path / "b.txt") as file:
        file.write_text("whole")
    assert names_in(tmp_path) == ["b.txt"]


def test_what_others_are_writing_is_left_alone(tmp_path):
    parent, other_machine = (
        tmp_path / f".{host}-{process}-0123456789ab.tmp"
        for host, process in ((files._HOST, os.getppid()), ("0" * 8, 2**22 + 1))
    )
    for path in (parent, other_machine):
        path.touch()
    with files.whole_file(tmp_path / "b.txt") as file:
        file.write_text("whole")
    assert names_in(tmp_path) == sorted(["b.txt", parent.name, other_machine.name])


def test_folder_is_there_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), files.whole_folder(tmp_path / "folder") as folder:
        folder.mkdir()
        raise RuntimeError
    assert names_in(tmp_path) == []
    (tmp_path / "folder").mkdir()
    with files.whole_folder(tmp_path / "folder") as folder:
        folder.mkdir()
        (folder / "a.txt").touch()
        assert names_in(tmp_path / "folder") == []
    assert names_in(tmp_path / "folder") == ["a.txt"]
