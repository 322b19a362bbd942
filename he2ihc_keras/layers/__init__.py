"""Layers that hold weights or a trick: padding, normalisation, attention, pyramid."""

from he2ihc_keras.layers.batch_normalization import BatchNormalization
from he2ihc_keras.layers.blend import Blend
from he2ihc_keras.layers.channel_normalization import ChannelNormalization
from he2ihc_keras.layers.gaussian_pyramid import gaussian_pyramid
from he2ihc_keras.layers.image_pool import ImagePool
from he2ihc_keras.layers.instance_normalization import InstanceNormalization
from he2ihc_keras.layers.modulation import Modulation
from he2ihc_keras.layers.place_noise import place_noise
from he2ihc_keras.layers.reflection_padding import ReflectionPadding2D
from he2ihc_keras.layers.sampler import Sampler
from he2ihc_keras.layers.seeded_dropout import seeded_dropout
from he2ihc_keras.layers.self_attention import SelfAttention2D
from he2ihc_keras.layers.size_check import SizeCheck
from he2ihc_keras.layers.time_embedding import TimeEmbedding

__all__ = [
    "BatchNormalization",
    "Blend",
    "ChannelNormalization",
    "ImagePool",
    "InstanceNormalization",
    "Modulation",
    "ReflectionPadding2D",
    "Sampler",
    "SelfAttention2D",
    "SizeCheck",
    "TimeEmbedding",
    "gaussian_pyramid",
    "place_noise",
    "seeded_dropout",
]
