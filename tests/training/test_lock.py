import json
import os
import signal
import subprocess
import sys

import pytest

from he2ihc_keras.training import RunFolder, lock
from he2ihc_keras.training.lock import locked
from helpers import refusal


def take(run):
    with locked(run.lock):
        pass


def left_behind(run, **changes):
    """The lock of this very process, changed and then left in the folder."""
    with locked(run.lock):
        text = run.lock.read_text()
    run.lock.write_text(json.dumps({**json.loads(text), **changes}))
    return run


def test_second_training_is_refused_by_name_and_the_first_keeps_the_folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    with locked(run.lock):
        holder = json.loads(run.lock.read_text())
        message = refusal(take, run)
        assert json.loads(run.lock.read_text()) == holder
    assert message == (
        f"{run.path} is in use: process {os.getpid()} on {os.uname().nodename} trains "
        f"into it since {holder['since']}. Wait for it, or choose another --out."
    )


def test_lock_is_given_back_after_an_error_too(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(ZeroDivisionError), locked(run.lock):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_lock_of_a_process_that_is_gone_is_taken_over(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    take(left_behind(RunFolder(tmp_path), process=gone.pid))


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux")
def test_lock_is_taken_over_when_another_process_has_the_number_by_now(tmp_path):
    take(left_behind(RunFolder(tmp_path), began="another boot 12345"))


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux")
def test_lock_of_a_killed_process_that_nobody_waited_for_is_taken_over(tmp_path):
    zombie = subprocess.Popen(["sleep", "60"])
    zombie.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    take(left_behind(RunFolder(tmp_path), process=zombie.pid))
    zombie.wait()


@pytest.mark.parametrize("place", [["gpu7", "", ""], None])
def test_lock_of_another_host_is_kept_and_the_way_out_told(tmp_path, place):
    run = left_behind(RunFolder(tmp_path), host="gpu7", place=place)
    assert refusal(take, run).endswith(
        "Wait for it, or choose another --out. If it no longer runs, which only its "
        f"host can tell, remove {run.lock}."
    )
    assert run.lock.exists()


def test_lock_that_says_nothing_is_kept(tmp_path):
    run = RunFolder(tmp_path)
    run.lock.touch()
    assert "in use: process ? on an unknown host" in refusal(take, run)


def test_of_many_processes_one_takes_over_a_stale_lock(tmp_path):
    run = left_behind(RunFolder(tmp_path), began="another boot 12345")
    code = """
import pathlib, runpy, sys

locked = runpy.run_path(sys.argv[1])["locked"]
try:
    with locked(pathlib.Path(sys.argv[2])):
        print("taken", flush=True)
        sys.stdin.read()
except ValueError as error:
    print(error, flush=True)
"""
    command = [sys.executable, "-c", code, lock.__file__, run.lock]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    answers = [process.stdout.readline() for process in processes]
    for process in processes:
        process.communicate(timeout=60)
    winner = processes[answers.index("taken\n")]
    answers.remove("taken\n")
    assert all(f"in use: process {winner.pid} on" in answer for answer in answers)
    assert list(tmp_path.iterdir()) == []
