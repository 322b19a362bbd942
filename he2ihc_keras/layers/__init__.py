"""Layers that hold weights or a trick: padding, normalisation, attention, pyramid."""

from he2ihc_keras.layers.batch_normalization import BatchNormalization
from he2ihc_keras.layers.blend import Blend
from he2ihc_keras.layers.gaussian_pyramid import gaussian_pyramid
from he2ihc_keras.layers.image_pool import ImagePool
from he2ihc_keras.layers.instance_normalization import InstanceNormalization
from he2ihc_keras.layers.reflection_padding import ReflectionPadding2D
from he2ihc_keras.layers.seeded_dropout import seeded_dropout
from he2ihc_keras.layers.self_attention import SelfAttention2D
from he2ihc_keras.layers.size_check import SizeCheck

__all__ = [
    "BatchNormalization",
    "Blend",
    "ImagePool",
    "InstanceNormalization",
    "ReflectionPadding2D",
    "SelfAttention2D",
    "SizeCheck",
    "gaussian_pyramid",
    "seeded_dropout",
]
