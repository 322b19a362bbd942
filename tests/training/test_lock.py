import json
import os
import signal
import subprocess
import sys

import pytest

from he2ihc_keras.training import RunFolder, lock
from he2ihc_keras.training.lock import holder, locked
from helpers import refusal

# Without the package, which would load Keras
HOLD = """
import pathlib, runpy, sys

locked = runpy.run_path(sys.argv[1])["locked"]
try:
    with locked(pathlib.Path(sys.argv[2])):
        print("taken", flush=True)
        sys.stdin.read()
except ValueError as error:
    print(error, flush=True)
"""


def take(run):
    with locked(run.lock):
        pass


def other_process(run):
    """A process that takes the lock, or is refused, and what it says."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HOLD, lock.__file__, run.lock]
    process = subprocess.Popen(command, **pipes)
    return process, process.stdout.readline().strip()


def test_second_training_is_refused_by_name_and_the_first_keeps_the_folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    with locked(run.lock):
        since = json.loads(holder(run.lock).read_text())["since"]
        process, answer = other_process(run)
        process.communicate(timeout=60)
        assert answer == refusal(take, run)
    assert answer == (
        f"{run.path} is in use: process {os.getpid()} on {os.uname().nodename}, since "
        f"{since}, trains into it. Wait for it, or choose another --out."
    )


def test_lock_is_given_back_after_an_error_too(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(ZeroDivisionError), locked(run.lock):
        raise ZeroDivisionError
    assert not holder(run.lock).exists()
    take(run)


def test_lock_of_a_killed_process_is_free_before_anybody_waited_for_it(tmp_path):
    run = RunFolder(tmp_path)
    process, answer = other_process(run)
    assert answer == "taken"
    assert f"process {process.pid} on" in refusal(take, run)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert holder(run.lock).exists()
    take(run)
    process.communicate()


@pytest.mark.parametrize("text", ["", "[]", '{"process": 1}'])
def test_who_has_the_lock_may_be_unknown(tmp_path, text):
    run = RunFolder(tmp_path)
    process, _ = other_process(run)
    holder(run.lock).write_text(text)
    assert f"{run.path} is in use: another process trains" in refusal(take, run)
    process.communicate()


def test_of_another_host_it_is_told_what_to_do_if_the_process_is_gone(tmp_path):
    run = RunFolder(tmp_path)
    process, _ = other_process(run)
    told = {"process": 7, "host": "gpu7", "since": "noon"}
    holder(run.lock).write_text(json.dumps(told))
    assert refusal(take, run) == (
        f"{run.path} is in use: process 7 on gpu7, since noon, trains into it. Wait "
        "for it, or choose another --out. If it no longer runs there, remove "
        f"{run.lock}."
    )
    process.communicate()
