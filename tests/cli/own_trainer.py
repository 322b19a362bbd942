"""A way of training that this package has not: one player, an option of its own."""

from keras import ops

from he2ihc_keras import trainers


class Charbonnier(trainers.Trainer):
    """Trains a generator by sqrt(difference**2 + epsilon**2)."""

    roles = {"generator": "generator"}
    players = {"generator": ("generator",)}

    def __init__(self, generator, *, epsilon: float = 1e-3, **kwargs):
        super().__init__({"generator": generator}, {"generator": ("loss",)}, **kwargs)
        self.epsilon = epsilon

    def step(self, batch, training):
        fake_ihc = self.generate("generator", self.stain, batch, training)
        self.minimize("generator", self.charbonnier, batch, fake_ihc, training)

    def charbonnier(self, batch, fake_ihc, training):
        squares = ops.square(batch.ihc - fake_ihc)
        return {"loss": ops.mean(ops.sqrt(squares + self.epsilon**2))}


trainers.register("charbonnier", Charbonnier)
