"""Losses of the conditional GAN: adversarial, and L1 on a Gaussian pyramid.

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
