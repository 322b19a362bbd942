"""Losses: adversarial, L1 on a Gaussian pyramid, and of ordered levels.

Every adversarial loss is a mean over the discriminator's logits. A generator's loss
takes the logits of its images; a discriminator's takes the logits of real and of fake
images and returns the two terms, whose mean is its loss.
"""

from keras import ops

from he2ihc_keras.layers import gaussian_pyramid


def generator_vanilla_loss(fake_logits):
    """Sigmoid cross-entropy against 1, non-saturating: Goodfellow et al. (2014)."""
    return ops.mean(ops.softplus(-fake_logits))


def discriminator_vanilla_loss(real_logits, fake_logits):
    """Sigmoid cross-entropy, real against 1 and fake against 0."""
    return ops.mean(ops.softplus(-real_logits)), ops.mean(ops.softplus(fake_logits))


def generator_least_squares_loss(fake_logits):
    """Squared distance to 1: Mao et al. (2017), https://arxiv.org/abs/1611.04076."""
    return ops.mean(ops.square(fake_logits - 1.0))


def discriminator_least_squares_loss(real_logits, fake_logits):
    """Squared distance of real to 1 and of fake to 0."""
    return ops.mean(ops.square(real_logits - 1.0)), ops.mean(ops.square(fake_logits))


def generator_hinge_loss(fake_logits):
    """Minus the mean logit: Lim and Ye (2017), https://arxiv.org/abs/1705.02894."""
    return -ops.mean(fake_logits)


def discriminator_hinge_loss(real_logits, fake_logits):
    """What real logits lack to 1, and what fake ones exceed -1 by."""
    return (
        ops.mean(ops.relu(1.0 - real_logits)),
        ops.mean(ops.relu(1.0 + fake_logits)),
    )


ADVERSARIAL = {
    "vanilla": (generator_vanilla_loss, discriminator_vanilla_loss),
    "least_squares": (generator_least_squares_loss, discriminator_least_squares_loss),
    "hinge": (generator_hinge_loss, discriminator_hinge_loss),
}


def l1_loss(image, other):
    """Mean absolute difference of two images of one shape."""
    return ops.mean(ops.abs(ops.cast(image, "float32") - ops.cast(other, "float32")))


def pyramid_l1_losses(ihc, fake_ihc, weights) -> list:
    """Weighted L1 at each scale of a Gaussian pyramid, finest first.

    The terms w_s L1(scale s) of Liu et al. (2022), https://arxiv.org/abs/2204.11425,
    equation 4. The pyramid is linear, so one of the difference serves instead of two.

    Args:
        ihc: Real IHC `(batch, height, width, channels)`.
        fake_ihc: Generated IHC of the same shape and range.
        weights: One per scale 1, 1/2, 1/4, ...; their number is the number of scales.

    Returns:
        A scalar per weight: the weight times the mean absolute difference.
    """
    difference = ops.cast(fake_ihc, "float32") - ops.cast(ihc, "float32")
    scales = gaussian_pyramid(difference, len(weights))
    return [
        weight * ops.mean(ops.abs(scale))
        for weight, scale in zip(weights, scales, strict=True)
    ]


# Of levels that have an order


def ordinal_loss(level, logits):
    """Cross-entropy of "level above k", mean over k and the batch.

    Niu et al. (2016), https://doi.org/10.1109/CVPR.2016.532, without their weights.

    Args:
        level: Integers `(batch,)` from 0 to `levels - 1`.
        logits: Of "above 0", "above 1", ...: `(batch, levels - 1)`.
    """
    steps = ops.arange(logits.shape[-1], dtype=level.dtype)
    is_above = ops.cast(ops.expand_dims(level, -1) > steps, logits.dtype)
    return ops.mean(ops.softplus(logits) - is_above * logits)


def softmax_loss(level, logits):
    """Cross-entropy of levels as if they had no order, mean over the batch.

    Args:
        level: Integers `(batch,)` from 0 to `levels - 1`.
        logits: `(batch, levels)`.
    """
    log_odds = ops.log_softmax(logits, axis=-1)
    chosen = ops.one_hot(level, logits.shape[-1], dtype=logits.dtype)
    return -ops.mean(ops.sum(chosen * log_odds, axis=-1))
