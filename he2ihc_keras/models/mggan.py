"""Generator of several images, and of a gate that chooses among them at each pixel."""

from typing import Any

import keras
from keras import layers, ops

from he2ihc_keras.layers import BatchNormalization, Blend
from he2ihc_keras.models.pyramid_pix2pix import Upsampling, image, trunk, upsampled
from he2ihc_keras.tables import NonNegativeInt, PositiveInt, Rate, Several

# Okabe and Ito (2008): told apart by colour-blind readers; of generator 1, 2, ...
_COLOURS = (
    *((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167)),
    *((86, 180, 233), (213, 94, 0), (240, 228, 66)),
)


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    blocks: NonNegativeInt = 9,
    dropout: Rate = 0.5,
    upsampling: Upsampling = "transposed",
    generators: Several = 3,
) -> keras.Model:
    """One trunk, K decoders and a gate: the IHC is sum_k a_k I_k at each pixel.

    After MGAN, whose first title is "Multi-Generator Generative Adversarial Nets"
    (Hoang et al., 2018, https://arxiv.org/abs/1708.02556): several generators share all
    but one end. There that end is the noise's; here, where there is none, the image's.
    The gate is SelectionGAN's (Tang et al., 2019, https://arxiv.org/abs/1904.06807), a
    softmax over the images at each pixel. Trunk and decoders are PyramidPix2pix's.
    Putting these together is this package's own; no network of this kind is published
    for paired stains.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of 4, or `None`.
        filters: Channels at full size; doubled by each down-sampling. The gate has
            half of them.
        blocks: Number of residual blocks in the trunk.
        dropout: Rate inside each residual block; 0 leaves the layers out.
        upsampling: As for `pyramid_pix2pix`.
        generators: K, the number of decoders; 2 or more.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same
        shape and range. Its layers `expert_1` to `expert_K` hold the images and `gate`
        the weights: see `parts`.

    Raises:
        ValueError: If a given height or width is not a multiple of 4.
    """
    he, x = trunk(input_shape, filters, blocks, dropout, BatchNormalization)
    images = []
    for k in range(1, generators + 1):
        prefix = f"expert_{k}_"
        y = upsampled(x, filters, upsampling, BatchNormalization, prefix=prefix)
        images.append(image(y, name=f"expert_{k}"))
    width = max(1, filters // 2)
    y = upsampled(x, width, upsampling, BatchNormalization, prefix="gate_")
    scores = image(y, "gate_scores", channels=generators, activation=None)
    gate = layers.Softmax(name="gate", dtype="float32")(scores)
    ihc = Blend(name="ihc", dtype="float32")([gate, *images])
    return keras.Model(he, ihc, name="mggan")


def parts(generator: keras.Model) -> keras.Model:
    """What a generator blends, also of one loaded from a file.

    Returns:
        A model from H&E to `[ihc, gate, expert_1, ..., expert_K]`, which has the layers
        of the generator: `gate` `(batch, height, width, K)` is not negative, with sum 1
        over K; each image is as `ihc`.

    Raises:
        ValueError: If the generator has no gate.
    """
    names = [layer.name for layer in generator.layers]
    if "gate" not in names:
        raise ValueError(
            f"Model {generator.name!r} has no layer `gate`: it paints one image. "
            "Expected a generator built by `models.build('mggan')`."
        )
    gate = generator.get_layer("gate").output
    count = gate.shape[-1]
    experts = [generator.get_layer(f"expert_{k + 1}").output for k in range(count)]
    return keras.Model(generator.input, [generator.output, gate, *experts])


def colour(generator: int) -> tuple[int, int, int]:
    """RGB, in [0, 255], of a generator in pictures of the gate; numbers begin at 1."""
    return _COLOURS[(generator - 1) % len(_COLOURS)]


def looked_into(parts: keras.Model, he) -> dict[str, Any]:
    """Pictures of what a blend is made of, by name.

    Args:
        parts: What `parts` gave.
        he: H&E `(batch, height, width, 3)` in [-1, 1].

    Returns:
        `gate`, each pixel in the colours of the generators by their weights, and the
        image of each, `generator 1` and so on; shape and range of the H&E.
    """
    _, gate, *images = parts(he, training=False)
    colours = [colour(k + 1) for k in range(len(images))]
    colours = ops.convert_to_tensor(colours, "float32") / 255.0
    # The darker the H&E, the darker its colour: nuclei can be found again.
    shade = ops.mean(he, axis=-1, keepdims=True)
    areas = ops.matmul(gate, colours) * (0.75 + 0.25 * shade)
    named = {f"generator {k + 1}": image for k, image in enumerate(images)}
    return {"gate": 2.0 * areas - 1.0, **named}
