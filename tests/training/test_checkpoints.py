import os

import keras
import numpy as np
import pytest
from keras import layers

from he2ihc_keras.models import patchgan, pyramid_pix2pix
from he2ihc_keras.optimizers import Adam
from he2ihc_keras.trainers import ConditionalGAN, Supervised
from he2ihc_keras.training import RunFolder
from he2ihc_keras.training.callbacks import CountSteps, Position, SaveCheckpoints
from he2ihc_keras.training.checkpoints import (
    last_checkpoint,
    load_checkpoint,
    restore,
    save_checkpoint,
    variables,
)
from helpers import dtype_policy, random_images, refusal

pytestmark = pytest.mark.backends


def make_gan(generator):
    gan = ConditionalGAN(generator, patchgan.build(filters=2), pyramid_weights=[25.0])
    gan.compile({"generator": Adam(), "discriminator": Adam()})
    return gan


def make_generator(*inner):
    outer = [keras.Input((32, 32, 3)), layers.Conv2D(3, 1, name="head_1")]
    return keras.Sequential([*outer, *inner])


def make_small(*inner):
    trainer = Supervised(make_generator(*inner))
    trainer.compile(Adam())
    return trainer


def make_run(path, *steps):
    """A run folder with checkpoints of a small trainer after some steps."""
    run, trainer = RunFolder(path), make_small()
    for step in steps:
        save_checkpoint(run.checkpoints, trainer, step, [])
    return run


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_equal_state(trainer, other):
    states = [t.variables + t.optimizer.variables for t in (trainer, other)]
    for ours, theirs in zip(*states, strict=True):
        arrays = map(keras.ops.convert_to_numpy, (ours, theirs))
        np.testing.assert_array_equal(*arrays, err_msg=ours.path)


# What a checkpoint holds


def test_checkpoint_holds_weights_both_optimizers_dropout_and_losses():
    gan = make_gan(pyramid_pix2pix.build(filters=4, blocks=1))
    names = [name.partition(":")[2] for name in variables(gan)]
    for part in ("stem_conv/kernel", "stem_norm/moving_variance", "conv/kernel"):
        assert part in names
    assert any("seed_generator" in name for name in names)
    assert any("generator_loss/total" in name for name in names)
    assert sum("iteration" in name for name in names) == 2
    assert sum(name.endswith("stem_conv_kernel_velocity") for name in names) == 1
    assert sum(name.endswith("logits_kernel_momentum") for name in names) == 1


def test_names_do_not_tell_what_the_process_made_before():
    def make():
        return make_small(layers.Conv2D(3, 1), layers.Dropout(0.5))

    first, second = make(), make()
    assert list(variables(first)) == list(variables(second))


def test_checkpoint_inside_an_epoch_goes_on_to_the_same_end(tmp_path):
    gan, again = (make_gan(make_generator(layers.Dropout(0.5, seed=1))) for _ in "ab")
    he, ihc = random_images(2, (3, 32, 32))
    position = Position(3)
    checkpoints = SaveCheckpoints(position, RunFolder(tmp_path), {}, minutes=0)
    callbacks = [CountSteps(position), checkpoints]
    checkpoints.on_epoch_end = lambda epoch, logs=None: None
    gan.fit(he, ihc, 1, callbacks=callbacks, shuffle=False, verbose=0)
    restore(again, load_checkpoint(tmp_path / "checkpoints" / "step-00000001.npz"))
    for number in (1, 2):
        again.train_on_batch(he[number : number + 1], ihc[number : number + 1])
    assert_equal_state(again, gan)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_comes_back_exactly(dtype, tmp_path):
    with dtype_policy(dtype):
        trainer, other = make_small(), make_small()
    assert trainer.variables[0].dtype == dtype
    restore(other, load_checkpoint(save_checkpoint(tmp_path, trainer, 1, [])))
    assert_equal_state(other, trainer)


def test_two_checkpoints_are_kept(tmp_path):
    run = make_run(tmp_path, 1, 2, 3)
    assert names_in(run.checkpoints) == ["step-00000002.npz", "step-00000003.npz"]


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    trainer = make_small()
    good = save_checkpoint(tmp_path, trainer, 1, [])
    weight = trainer.trainable_variables[0]
    weight.assign(np.full(weight.shape, np.nan))
    message = refusal(
        save_checkpoint, tmp_path, trainer, 2, [], error=FloatingPointError
    )
    assert message == (
        "1 variables are not finite after step 2, the first of them "
        f"{weight.path}. The last good checkpoint is kept: {good}. "
        "Start a new run with a smaller learning rate, or in float32."
    )
    assert list(tmp_path.iterdir()) == [good]


def test_checkpoint_of_another_network_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, make_small(), 1, [])
    other = make_small(layers.Conv2D(3, 1))
    message = refusal(restore, other, load_checkpoint(path))
    assert "of another network or version" in message
    assert "has no counterpart. Resume with the versions" in message


def test_checkpoint_of_another_backend_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, make_small(), 1, [])
    checkpoint = load_checkpoint(path)
    here = checkpoint.backend
    other = "jax" if here == "torch" else "torch"
    object.__setattr__(checkpoint, "backend", other)
    assert refusal(restore, make_small(), checkpoint) == (
        f"The checkpoint was made by Keras on {other}, and this is {here}: training "
        f"goes on where it began. Set --backend {other}, or KERAS_BACKEND={other}. "
        "A model.keras is free to move."
    )


# What is left on the disk


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "other content"])
def test_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(tmp_path, damage):
    run = make_run(tmp_path, 1, 2)
    path = run.checkpoints / "step-00000002.npz"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 255
    kept = {"truncate": len(content) // 2, "empty": 0}.get(damage, len(content))
    path.write_bytes(content[:kept])
    if damage == "other content":
        with open(path, "wb") as file:
            np.savez(file, a=np.zeros(3))
    checkpoint, problems = last_checkpoint(run)
    assert checkpoint.step == 1
    assert problems[0].startswith(f"{path} is damaged: ")
    assert names_in(run.checkpoints) == ["step-00000001.npz", "step-00000002.torn"]


# Reading it is an input/output error, on a healthy disk
UNREADABLE = "/proc/self/mem"


@pytest.mark.skipif(not os.path.exists(UNREADABLE), reason="needs Linux")
def test_error_of_the_disk_leaves_a_checkpoint_where_it_is(tmp_path):
    run = make_run(tmp_path, 1, 2)
    path = run.checkpoints / "step-00000002.npz"
    healthy = path.rename(tmp_path / "healthy")
    path.symlink_to(UNREADABLE)
    assert refusal(last_checkpoint, run) == (
        f"{path} cannot be read or moved now: Input/output error. Nothing is lost: "
        "try again when it can be."
    )
    healthy.rename(path)
    assert last_checkpoint(run)[0].step == 2


def test_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    run = RunFolder(tmp_path)
    run.checkpoints.symlink_to(run.checkpoints)
    assert "checkpoints cannot be read or moved now" in refusal(last_checkpoint, run)


def test_run_whose_checkpoints_are_all_damaged_never_begins_anew(tmp_path):
    run = make_run(tmp_path, 1, 2)
    for path in run.checkpoints.iterdir():
        path.write_bytes(b"torn")
    torn = [run.checkpoints / f"step-0000000{step}.torn" for step in (2, 1)]
    left = f"No checkpoint is left: {torn[0]}, {torn[1]}. Start anew."
    assert refusal(last_checkpoint, run).endswith(left)
    assert refusal(last_checkpoint, run) == left
    assert all(path.is_file() for path in torn)


def test_model_without_checkpoints_is_not_trained_over(tmp_path):
    run = RunFolder(tmp_path)
    run.model.touch()
    assert refusal(last_checkpoint, run) == (
        f"No checkpoint is left: {run.model} alone. Start anew."
    )


def test_run_without_checkpoints_begins_at_its_beginning(tmp_path):
    assert last_checkpoint(RunFolder(tmp_path)) == (None, [])
