import keras
import numpy as np
import pytest

from he2ihc_keras.models import patchgan, pyramid_pix2pix, unet
from he2ihc_keras.training import Adam, ConditionalGAN
from he2ihc_keras.training.checkpoints import (
    last_checkpoint,
    load_checkpoint,
    restore,
    save_checkpoint,
    variables,
)


def make_gan(filters=4):
    gan = ConditionalGAN(
        pyramid_pix2pix.build(filters=filters, blocks=1),
        patchgan.build(filters=4),
        pyramid_weights=[25.0],
    )
    gan.compile(Adam(), Adam())
    return gan


def train_a_step(gan):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    gan.train_on_batch(images, images)


def test_checkpoint_holds_weights_both_optimizers_dropout_and_losses():
    names = [name.partition(":")[2] for name in variables(make_gan())]
    for part in ("stem_conv/kernel", "stem_norm/moving_variance", "conv/kernel"):
        assert part in names
    assert any("seed_generator" in name for name in names)
    assert any("generator_loss/total" in name for name in names)
    assert sum("iteration" in name for name in names) == 2
    assert sum(name.endswith("stem_conv_kernel_velocity") for name in names) == 1
    assert sum(name.endswith("conv_1_kernel_momentum") for name in names) == 1


def test_restored_trainer_takes_the_same_next_step(tmp_path):
    gan, other = make_gan(), make_gan()
    train_a_step(gan)
    path = save_checkpoint(tmp_path, gan, 1, [{"epoch": 1}])
    restore(other, load_checkpoint(path))
    train_a_step(gan)
    train_a_step(other)
    for ours, theirs in zip(gan.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_two_checkpoints_are_kept(tmp_path):
    gan = make_gan()
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, gan, step, [])
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["step-00000002.npz", "step-00000003.npz"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_damaged_checkpoint_is_passed_over(tmp_path, damage):
    gan = make_gan()
    save_checkpoint(tmp_path, gan, 1, [])
    path = save_checkpoint(tmp_path, gan, 2, [])
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 255
    kept = {"truncate": len(content) // 2, "flip": len(content), "empty": 0}[damage]
    path.write_bytes(content[:kept])
    checkpoint, problems = last_checkpoint(tmp_path)
    assert checkpoint.step == 1
    assert problems[0].startswith(f"{path} is not a whole checkpoint: ")


def test_checkpoints_that_are_all_torn_are_told_and_kept_aside(tmp_path):
    gan = make_gan()
    for step in (1, 2):
        save_checkpoint(tmp_path, gan, step, []).write_bytes(b"torn")
    with pytest.raises(ValueError, match="No checkpoint is left. Start anew."):
        last_checkpoint(tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["step-00000001.torn", "step-00000002.torn"]


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    gan = make_gan()
    good = save_checkpoint(tmp_path, gan, 1, [])
    gan.generator.trainable_weights[0].assign(
        np.full(gan.generator.trainable_weights[0].shape, np.nan)
    )
    with pytest.raises(FloatingPointError) as error:
        save_checkpoint(tmp_path, gan, 2, [])
    assert str(error.value).startswith(
        "1 variables are not finite after step 2, the first of them "
        f"0:stem_conv/kernel. The last good checkpoint is kept: {good}. "
    )
    assert list(tmp_path.iterdir()) == [good]


def test_folder_without_checkpoints_has_none(tmp_path):
    assert last_checkpoint(tmp_path) == (None, [])


def test_checkpoint_of_another_network_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, make_gan(), 1, [])
    with pytest.raises(ValueError, match="of another network or version") as error:
        restore(make_gan(filters=8), load_checkpoint(path))
    assert "has no counterpart. Resume with the versions" in str(error.value)


def test_l1_training_checkpoints_its_one_optimizer():
    model = unet.build(filters=2, depth=1)
    model.compile(Adam(), loss="mae")
    names = list(variables(model))
    assert sum("iteration" in name for name in names) == 1
    assert isinstance(variables(model)[names[0]], keras.Variable)
