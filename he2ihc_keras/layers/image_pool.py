"""A memory of generated images, from which a discriminator is shown older ones."""

import keras
from keras import ops

from he2ihc_keras.layers._one_by_one import one_by_one


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ImagePool(keras.layers.Layer):
    """Gives back some of the images that it was given before.

    Shrivastava et al. (2017), https://arxiv.org/abs/1612.07828, as in CycleGAN's code:
    image by image, while the pool is filling, the image is kept and given back. Then,
    in one case of two, a kept image that is drawn at random is given back and the new
    one takes its place; in the other case the new one is given back and not kept.

    Images, count and random state are variables that are not trained, so a checkpoint
    holds them. Among replicas of one network, the first one's images are kept.

    Args:
        size: Images to keep; 0 gives back what it is given.
        **kwargs: `name`.

    Input and output:
        float32 `(batch, height, width, channels)`, of one size in all calls. Without
        `training`, what comes in goes out and nothing is kept.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.size = size

    def build(self, input_shape):
        common = {
            "initializer": "zeros",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        shape = (self.size, *input_shape[1:])
        self.images = self.add_weight(shape=shape, name="images", **common)
        self.count = self.add_weight(shape=(), dtype="int32", name="count", **common)
        self.random = keras.random.SeedGenerator()

    def call(self, images, training=None):
        if not (training and self.size):
            return images
        count = (ops.shape(images)[0],)
        uniform = keras.random.uniform(count, seed=self.random)
        slots = keras.random.randint(count, 0, self.size, seed=self.random)
        return self.exchange(images, uniform, slots)

    def exchange(self, images, uniform, slots):
        """What `call` does, by given random numbers, one of each for an image.

        Args:
            images: As for `call`.
            uniform: In [0, 1): above 0.5, a kept image is given back.
            slots: Which one, in 0 .. size - 1.
        """

        def exchange_one(number, state):
            kept, count, given = state
            image = ops.take(given, number, axis=0)
            is_filling = count < self.size
            is_swapped = ops.take(uniform, number) > 0.5
            slot = ops.where(is_filling, count, ops.take(slots, number))
            old = ops.take(kept, slot, axis=0)
            is_kept = ops.logical_or(is_filling, is_swapped)
            kept = _with_row(kept, slot, ops.where(is_kept, image, old))
            is_old = ops.logical_and(ops.logical_not(is_filling), is_swapped)
            given = _with_row(given, number, ops.where(is_old, old, image))
            return kept, ops.minimum(count + 1, self.size), given

        # Copies: what is assigned must not change what was read.
        state = (ops.copy(self.images), ops.copy(self.count), images)
        kept, count, given = one_by_one(ops.shape(images)[0], exchange_one, state)
        self.images.assign(kept)
        self.count.assign(count)
        return given

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {"name": self.name, "size": self.size}


def _with_row(images, number, image):
    """Images with another one at a number."""
    is_there = ops.equal(ops.arange(ops.shape(images)[0], dtype="int32"), number)
    return ops.where(is_there[:, None, None, None], image[None], images)
