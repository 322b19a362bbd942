"""A run that was stopped, however it was stopped, ends as if it never had been."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from he2ihc_keras import training
from he2ihc_keras.data import phantom
from he2ihc_keras.training.checkpoints import load_checkpoint

SCRIPT = Path(__file__).with_name("resumable_run.py")
# 20 pairs: 12 to train on, so 6 steps an epoch and 18 in all.
LAST = "step-00000018.npz"
OTHERS = ("cycle", "generators", "level", "bridge")


def start(verb, data, out, kind, **pipes):
    command = [sys.executable, SCRIPT, verb, data, out, kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **pipes)


def finish(verb, data, out, kind):
    process = start(verb, data, out, kind)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def stop_after(step, how, data, out, kind):
    """Starts a run and stops it by a signal once it has written a checkpoint."""
    process = start("fit", data, out, kind)
    wait_for(out / "checkpoints" / f"step-{step:08d}.npz", process)
    process.send_signal(how)
    process.communicate(timeout=300)
    assert not (out / "checkpoints" / LAST).exists()


def wait_for(path, *processes):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert None in [process.poll() for process in processes]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def final_state(out):
    return load_checkpoint(out / "checkpoints" / LAST).arrays


def assert_same_run(out, other):
    ours, theirs = final_state(out), final_state(other)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    history = [(run / "history.csv").read_text() for run in (out, other)]
    assert history[0] == history[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "phantom"
    phantom.write_phantom(root, 20, size=48)
    return root


@pytest.fixture(
    scope="module",
    params=["gan", *(pytest.param(k, marks=pytest.mark.slow) for k in OTHERS)],
)
def kind(request):
    return request.param


# Where and how a run was stopped is nothing to its trainer: each is killed inside an
# epoch, and one of them in every other way too.
of_the_gan = pytest.mark.parametrize("kind", ["gan"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def uninterrupted(data, kind, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    finish("fit", data, out, kind)
    return out


@pytest.mark.backends
def test_run_killed_inside_an_epoch_resumes_bit_for_bit(
    data, kind, uninterrupted, tmp_path
):
    stop_after(8, signal.SIGKILL, data, tmp_path, kind)
    assert (tmp_path / "training.json").exists()
    assert "Resuming after step" in finish("resume", data, tmp_path, kind)
    assert not (tmp_path / "training.json").exists()
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
@of_the_gan
def test_run_killed_at_the_end_of_an_epoch_resumes_bit_for_bit(
    data, kind, uninterrupted, tmp_path
):
    stop_after(6, signal.SIGKILL, data, tmp_path, kind)
    finish("resume", data, tmp_path, kind)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
@of_the_gan
def test_run_killed_before_its_first_checkpoint_starts_anew(
    data, kind, uninterrupted, tmp_path
):
    stop_after(1, signal.SIGKILL, data, tmp_path, kind)
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        checkpoint.unlink()
    assert "Resuming after step 0" in finish("resume", data, tmp_path, kind)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
@of_the_gan
def test_torn_checkpoint_is_told_and_the_one_before_it_used(
    data, kind, uninterrupted, tmp_path
):
    stop_after(8, signal.SIGKILL, data, tmp_path, kind)
    newest = max((tmp_path / "checkpoints").glob("step-*.npz"))
    os.truncate(newest, newest.stat().st_size - 1000)
    output = finish("resume", data, tmp_path, kind)
    assert f"{newest.name} is damaged: " in output
    assert "The one before it is used." in output
    assert_same_run(tmp_path, uninterrupted)


def test_of_two_processes_in_one_folder_one_trains_and_nothing_is_lost(data, tmp_path):
    both = [start("fit", data, tmp_path, "l1", stderr=subprocess.PIPE) for _ in "ab"]
    wait_for(tmp_path / "recipe.toml", *both)
    # By `resume` too, while the one is on its way
    with pytest.raises(ValueError, match="in use: process ") as error:
        training.resume(tmp_path)
    results = {process.pid: (*process.communicate(), process) for process in both}
    [(winner, _)] = [(pid, r) for pid, r in results.items() if r[2].returncode == 0]
    [(_, refused, _)] = [r for pid, r in results.items() if pid != winner]
    assert f"in use: process {winner} on" in str(error.value)
    assert "in use: process" in refused or "holds a run already" in refused
    assert load_checkpoint(tmp_path / "checkpoints" / LAST).step == 18


@of_the_gan
def test_finished_run_resumes_to_itself(data, kind, uninterrupted):
    before = final_state(uninterrupted)
    finish("resume", data, uninterrupted, kind)
    after = final_state(uninterrupted)
    assert all(np.array_equal(before[name], after[name]) for name in before)
