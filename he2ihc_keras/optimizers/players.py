"""The optimizers of all players as one, for what Keras asks of `model.optimizer`."""

from collections.abc import Mapping

import keras


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class PlayerOptimizers(keras.optimizers.Optimizer):
    """One optimizer a player.

    Keras saves, restores and carries the state of all of them, and callbacks that read
    or set `learning_rate` (LearningRateScheduler, ReduceLROnPlateau) act on all.

    Args:
        players: Optimizer of each player, in the trainer's order of players.

    Attributes:
        players: The same.
    """

    def __init__(self, players: Mapping[str, keras.optimizers.Optimizer], **kwargs):
        super().__init__(learning_rate=0.0, **kwargs)
        self.players = dict(players)

    def build_players(self, variables: Mapping[str, list]) -> None:
        """Makes the state of each optimizer.

        Built before the first step, it is found again when weights or a checkpoint are
        loaded before training goes on.

        Args:
            variables: Trainable variables of each player.
        """
        for player, optimizer in self.players.items():
            optimizer.build(variables[player])
        self.built = True

    @property
    def variables(self):
        return [v for optimizer in self.players.values() for v in optimizer.variables]

    @property
    def iterations(self):
        return self._first.iterations

    @property
    def learning_rate(self):
        return self._first.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        for optimizer in self.players.values():
            optimizer.learning_rate = learning_rate

    @property
    def _first(self):
        return next(iter(self.players.values()))

    # Each optimizer saves itself.

    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass

    def finalize_variable_values(self, var_list):
        pass

    def get_config(self):
        players = {
            player: keras.saving.serialize_keras_object(optimizer)
            for player, optimizer in self.players.items()
        }
        return {"name": self.name, "players": players}

    @classmethod
    def from_config(cls, config):
        players = {
            player: keras.saving.deserialize_keras_object(optimizer)
            for player, optimizer in config["players"].items()
        }
        return cls(players, name=config["name"])
