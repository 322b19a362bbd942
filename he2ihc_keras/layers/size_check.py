"""The first layer of each generator: says which image sizes fit."""

import keras


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class SizeCheck(keras.layers.Layer):
    """Passes images through, and refuses a height or width off the network's stride.

    It stands in the saved model, so that a loaded one still knows its stride
    (`models.stride`), whatever code built it.

    Args:
        stride: Height and width must be multiples of it.

    Raises:
        ValueError: If a known height or width is not a multiple of `stride`.
    """

    def __init__(self, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride

    def call(self, images):
        check_size(images.shape[1:3], self.stride)
        return images

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}


def check_size(size, stride: int) -> None:
    """Refuses a `(height, width)` that is not a multiple of `stride`; `None` passes."""
    if all(side is None or (side > 0 and side % stride == 0) for side in size):
        return
    below, above = (
        tuple(None if side is None else max(round_(side), stride) for side in size)
        for round_ in (
            lambda side: side // stride * stride,
            lambda side: -(-side // stride) * stride,
        )
    )
    raise ValueError(
        f"Height and width must be multiples of {stride}, the stride of the network. "
        f"Received: {tuple(size)}. Crop to {below} or pad to {above}."
    )
