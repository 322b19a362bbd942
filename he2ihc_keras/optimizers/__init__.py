"""How the networks of a trainer move: Adam as PyTorch has it, its rate, the players."""

from he2ihc_keras.optimizers.adam import Adam
from he2ihc_keras.optimizers.players import PlayerOptimizers
from he2ihc_keras.optimizers.schedules import ConstantThenLinear

__all__ = ["Adam", "ConstantThenLinear", "PlayerOptimizers"]
