"""The network of the diffusion bridge, and the sampler that stains with it."""

import math
from typing import Literal

import keras
from keras import layers, ops

from he2ihc_keras import brownian_bridge
from he2ihc_keras.layers import (
    ChannelNormalization,
    Modulation,
    Sampler,
    SelfAttention2D,
    SizeCheck,
    TimeEmbedding,
    place_noise,
    seeded_dropout,
)
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.tables import Counts, PositiveInt, Rate

Normalization = Literal["layer", "group"]
# What the network is told of the last step, however many there are
_LONGEST_TIME = 1000.0


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    multipliers: Counts = (1, 2, 4, 4),
    blocks: PositiveInt = 1,
    dropout: Rate = 0.0,
    normalization: Normalization = "layer",
    attention: bool = True,
) -> keras.Model:
    """U-Net of residual blocks that are told the time.

    Ours after the ADM of Dhariwal and Nichol (2021), https://arxiv.org/abs/2105.05233,
    in a size for one GPU: 64 filters, four levels and one block a level give 12.6
    million weights. Unlike theirs, its norm is over the channels of each pixel alone,
    so that a tile is stained as the whole image is, and it attends at the lowest
    resolution alone, through `layers.SelfAttention2D`.

    It is no generator yet: `stainer` makes one of it.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of 2 to the number of levels less one, or `None`.
        filters: Channels of the first level.
        multipliers: Of the channels, one a level; each level halves the size.
        blocks: Residual blocks a level.
        dropout: Rate inside each residual block; 0 leaves the layers out.
        normalization: "layer", over the channels of each pixel; or "group", over groups
            of channels of the whole image, 32 or fewer of them, as ADM's.
        attention: Whether every position is compared with every other one in the
            middle; without, a pixel sees its surroundings alone.

    Returns:
        A model from `[x, he, time]` to its answer: the noised image and the H&E, both
        `(batch, height, width, 3)`, and the time of each image on the bridge `(batch,)`
        in [0, 1000); the answer is of the images' shape, any range, float32, and 0
        before any training.

    Raises:
        ValueError: If a given height or width is not a multiple of the stride.
    """
    stride = 2 ** (len(multipliers) - 1)
    check_size(input_shape[:2], stride)
    x, he = (keras.Input(input_shape, name=name) for name in ("x", "he"))
    time = keras.Input((), name="time")

    embedding = TimeEmbedding(name="time_waves")(time)
    embedding = layers.Dense(4 * filters, name="time_1")(embedding)
    embedding = layers.Activation("silu", name="time_1_silu")(embedding)
    embedding = layers.Dense(4 * filters, name="time_2")(embedding)
    embedding = layers.Activation("silu", name="time_2_silu")(embedding)

    def block(features, width, name):
        return _residual_block(features, embedding, width, dropout, norm, name)

    def norm(features, name):
        return _norm(features, normalization, name)

    y = SizeCheck(stride, name="he_size")(he)
    y = layers.Concatenate(name="x_and_he")([x, y])
    y = _conv(filters, "stem")(y)

    # Contracting path
    skips = []
    for level, multiplier in enumerate(multipliers):
        for number in range(1, blocks + 1):
            y = block(y, filters * multiplier, f"down_{level}_{number}")
        skips.append(y)
        if level < len(multipliers) - 1:
            y = _conv(y.shape[-1], f"down_{level}_half", strides=2)(y)

    y = block(y, y.shape[-1], "middle_1")
    if attention:
        y = SelfAttention2D(name="middle_attention")(y)
    y = block(y, y.shape[-1], "middle_2")

    # Expanding path
    for level, multiplier in reversed(list(enumerate(multipliers))):
        y = layers.Concatenate(name=f"skip_{level}")([y, skips[level]])
        for number in range(1, blocks + 1):
            y = block(y, filters * multiplier, f"up_{level}_{number}")
        if level:
            y = layers.UpSampling2D(name=f"up_{level}_upsample")(y)
            y = _conv(y.shape[-1], f"up_{level}_conv")(y)

    y = layers.Activation("silu", name="answer_silu")(norm(y, "answer_norm"))
    answer = _conv(3, "answer", zeros=True, dtype="float32")(y)
    return keras.Model([x, he, time], answer, name="bridge")


def _residual_block(x, embedding, width, dropout, norm, name):
    y = layers.Activation("silu", name=f"{name}_1_silu")(norm(x, f"{name}_1_norm"))
    y = _conv(width, f"{name}_1_conv")(y)
    y = norm(y, f"{name}_2_norm")
    y = Modulation(name=f"{name}_time")([y, embedding])
    y = layers.Activation("silu", name=f"{name}_2_silu")(y)
    if dropout:
        y = seeded_dropout(dropout, name=f"{name}_dropout")(y)
    y = _conv(width, f"{name}_2_conv", zeros=True)(y)
    if x.shape[-1] != width:
        x = layers.Conv2D(width, 1, name=f"{name}_past")(x)
    return layers.Add(name=f"{name}_add")([x, y])


def _norm(x, normalization, name):
    if normalization == "layer":
        return ChannelNormalization(name=name)(x)
    groups = math.gcd(32, x.shape[-1])
    return layers.GroupNormalization(groups, name=name, dtype="float32")(x)


def _conv(width, name, *, strides=1, zeros=False, **kwargs):
    kernel = "zeros" if zeros else "glorot_uniform"
    return layers.Conv2D(
        width,
        3,
        strides=strides,
        padding="same",
        kernel_initializer=kernel,
        name=name,
        **kwargs,
    )


# Staining


def stainer(
    network: keras.Model,
    *,
    label: brownian_bridge.Label = "ihc",
    schedule: brownian_bridge.ScheduleName = "i2sb",
    timesteps: int = 1000,
    noise: float = 0.3,
    steps: int = 4,
    samples: int = 1,
    seed: int = 0,
) -> keras.Model:
    """A generator that stains by sampling the bridge of a network.

    Args:
        network: What `build` gives. The generator shares its weights.
        label: What it was trained to say.
        schedule: The schedule that it was trained with.
        timesteps: Steps of the schedule.
        noise: Of the schedule.
        steps: Evaluations of the network for one image. One gives the mean of what may
            be; more give one of the images that may be.
        samples: Images that are drawn for one; their mean is given.
        seed: Of the draws.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same shape
        and range.

    Example:
        >>> generator = stainer(build(filters=16), steps=4, seed=0)
    """
    he = keras.Input(network.inputs[1].shape[1:], name="he")
    stride = network.get_layer("he_size").stride
    x = SizeCheck(stride, name="he_size", dtype="float32")(he)
    sampler = BridgeSampler(
        network,
        label=label,
        schedule=schedule,
        timesteps=timesteps,
        noise=noise,
        steps=steps,
        samples=samples,
        seed=seed,
        name="sampler",
    )
    return keras.Model(he, sampler(x), name=network.name)


def time_of(n, timesteps: int):
    """What the network is told of a step: a number in [0, 1000), also of arrays."""
    return n * (_LONGEST_TIME / timesteps)


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class BridgeSampler(Sampler):
    """Goes from H&E to IHC along a Brownian bridge.

    The noise is that of a pixel's place, the seed, the sample and the step: see
    `layers.place_noise`. The last move has none.

    Args:
        network: From `[x, he, time]` to what it was asked for.
        label: What that is.
        schedule: Of the bridge, as `timesteps` and `noise`: see `brownian_bridge`.
        timesteps: Steps of the schedule.
        noise: Of the schedule.
        **kwargs: `steps`, `samples`, `seed` and `shows`, as in `Sampler`.

    Raises:
        ValueError: If there are more evaluations than steps to visit, or several
            samples of one step, which draws no noise.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        label: str,
        schedule: str,
        timesteps: int,
        noise: float,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if self.steps >= timesteps:
            raise ValueError(
                f"`steps` must be less than {timesteps}, the steps of the bridge. "
                f"Received: {self.steps}."
            )
        if self.samples > 1 and self.steps == 1:
            raise ValueError(
                f"One step draws no noise: its {self.samples} samples would be alike. "
                "Take more steps, or one sample."
            )
        self.network = network
        self.label, self.schedule = label, schedule
        self.timesteps, self.noise = timesteps, noise

    @property
    def layers(self):
        """The network, as a model names its layers."""
        return [self.network]

    def draw(self, he, sample):
        bridge = brownian_bridge.schedule(self.schedule, self.timesteps, self.noise)

        def predict(x, n):
            time = ops.zeros_like(he[:, 0, 0, 0]) + time_of(n, self.timesteps)
            answer = self.network([x, he, time], training=False)
            return brownian_bridge.predicted_ihc(self.label, bridge, n, x, answer)

        def noise(to):
            if to == 0:
                return None
            height, width = ops.shape(he)[1:3]
            return place_noise(height, width, 3, self.seed, sample, to)

        steps = brownian_bridge.visited(self.timesteps, self.steps)
        *_, ihc = brownian_bridge.trajectory(predict, bridge, he, steps, noise)
        return ihc

    def arguments(self):
        names = ("network", "label", "schedule", "timesteps", "noise")
        return {**super().arguments(), **{name: getattr(self, name) for name in names}}

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), **self.arguments(), "network": network}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**{**config, "network": network})
