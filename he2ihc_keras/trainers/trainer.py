"""What every way of training has: networks, players, and a step of its own."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from he2ihc_keras import models
from he2ihc_keras.engine import Engine
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.optimizers import PlayerOptimizers
from he2ihc_keras.tables import Rate
from he2ihc_keras.trainers.batch import Batch, Generated, to_network_range
from he2ihc_keras.trainers.held_out import HeldOut, look_at_images


class Trainer(Engine, keras.Model):
    """Networks that learn together, by the algorithm that `step` writes down.

    A subclass says which networks it has (`roles`, each of a kind: "generator",
    "discriminator" or "denoiser"), who moves which of them (`players`), and writes
    `step` once, in plain Keras; it then trains, validates and saves on TensorFlow, JAX
    and PyTorch, through Keras's `compile`, `fit` and `evaluate`. Validation is the same
    `step` with `training=False`, in which nobody moves. Calling the trainer stains.

    Keyword-only arguments of its `__init__`, with annotation and default, are the keys
    of `[trainer]` in a recipe; with `**kwargs` handed on, `average` is one of them.

    `trainer.optimizer` is a `PlayerOptimizers`: that of one player is
    `trainer.optimizer.players[player]`.

    Args:
        networks: The network of each role.
        terms: Names of the losses that each player reports, "loss" first. As metrics
            they are called `player_term`, and `term` where there is one player.
        average: Decay of a moving average of the staining network, which then stains
            and is validated in its place; 0 keeps none. After n steps the decay is
            min(average, (1 + n) / (10 + n)), so that a short run forgets its beginning
            (Tan and Le, 2019, and TensorFlow's ExponentialMovingAverage). Statistics
            of normalisation are averaged too.
        **kwargs: `name`, `dtype`, as in `keras.Model`.

    Example:
        >>> class L1(Trainer):
        ...     roles = {"generator": "generator"}
        ...     players = {"generator": ("generator",)}
        ...
        ...     def __init__(self, generator, **kwargs):
        ...         terms = {"generator": ("loss",)}
        ...         super().__init__({"generator": generator}, terms, **kwargs)
        ...
        ...     def step(self, batch, training):
        ...         fake_ihc = self.generate("generator", self.stain, batch, training)
        ...         self.minimize("generator", self.losses, batch, fake_ihc, training)
        ...
        ...     def losses(self, batch, fake_ihc, training):
        ...         return {"loss": ops.mean(ops.abs(batch.ihc - fake_ihc))}
    """

    # Role of each network -> its kind in the zoo of models: "generator", ...
    roles: ClassVar[Mapping[str, str]] = {}
    # Who has an optimizer -> the roles of the networks that it moves
    players: ClassVar[Mapping[str, Sequence[str]]] = {}
    # The role whose network stains
    staining: ClassVar[str] = "generator"
    # What it predicts from H&E, and what data it needs: "paired" or "unpaired" stains,
    # and "levels"
    predicts: ClassVar[str] = "image"
    needs: ClassVar[Sequence[str]] = ("paired",)
    # Logs of the held-out images that a line of progress shows, and how
    shown: ClassVar[Mapping[str, str]] = {
        "val_psnr": "validation PSNR {:.2f} dB",
        "val_ssim": "SSIM {:.3f}",
        "val_dab_distance": "validation DAB distance {:.3f}",
        "val_sharpness": "sharpness {:.2f}",
    }
    # The log whose highest value tells the epoch that a run keeps; "" keeps the last
    best_by: ClassVar[str] = ""
    # Roles of networks, beside the one that stains, that a run keeps as models
    kept: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        terms: Mapping[str, Sequence[str]],
        *,
        average: Rate = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for role, network in networks.items():
            setattr(self, role, network)
        self.average = average
        self.average_network = _copy(getattr(self, self.staining)) if average else None
        # State like any other: a run that goes on still has its best epoch.
        best = _copy(getattr(self, self.staining)) if self.best_by else None
        self.best_network = best
        self.trackers = {player: {} for player in self.players}
        for player, names in terms.items():
            self.report(player, names)
        self.built = True

    def report(self, player: str, terms: Sequence[str]) -> None:
        """Has terms of a player's loss reported, beside those that are so far."""
        self.trackers[player].update(
            {term: keras.metrics.Mean(self.metric(player, term)) for term in terms}
        )

    # What a subclass writes

    def step(self, batch: Batch, training: bool) -> None:
        """One step on a batch: the algorithm."""
        raise NotImplementedError(f"{type(self).__name__} must define `step`.")

    # What it writes it with

    def stain(self, batch: Batch, training: bool):
        """Generated IHC of a batch: what `call` gives."""
        return self.call(batch.he, training=training)

    def generate(self, player: str, function, batch: Batch, training: bool):
        """Lets a player make images, for its own `minimize` and for others.

        Args:
            player: Who makes them.
            function: From `(batch, training)` to images, a tensor or any nest.
            batch: The step's batch.
            training: Whether the step trains.

        Returns:
            `Generated` images. The player's gradients flow back through them in its
            `minimize`; for everybody else they are constants.
        """
        if not training:
            return Generated(function(batch, False), player, None)
        images, _, pull_back = self.differentiate(
            lambda _: (function(batch, True), ()), self.variables_of(player)
        )
        return Generated(images, player, pull_back)

    def minimize(self, player: str, losses, batch: Batch, generated, training: bool):
        """Moves a player one step down its loss; reports the terms in any case.

        Args:
            player: Who moves.
            losses: From `(batch, images, training)` to the terms by name, "loss" first.
            batch: The step's batch.
            generated: What `generate` gave, or `None`.
            training: Whether the step trains.
        """
        images = generated.images if generated else None
        if training:
            is_maker = generated is not None and generated.player == player
            pull_back_images = generated.pull_back if is_maker else None
            terms = self._move(player, losses, batch, images, pull_back_images)
        else:
            terms = losses(batch, images, False)
        for name, tracker in self.trackers[player].items():
            tracker.update_state(terms[name])

    def _move(self, player, losses, batch, images, pull_back_images):
        def loss_and_terms(inputs):
            terms = losses(batch, inputs if pull_back_images else images, True)
            return terms["loss"], terms

        variables, optimizer = self.variables_of(player), self.optimizer.players[player]
        loss, terms, pull_back = self.differentiate(
            loss_and_terms, variables, images if pull_back_images else ()
        )
        # The loss stays as it is reported; its gradient is scaled for float16, and
        # divided among the replicas, whose gradients are summed.
        share = ops.convert_to_tensor(1.0 / self.replicas(), loss.dtype)
        gradients, of_images = pull_back(optimizer.scale_loss(share))
        if pull_back_images:
            gradients = list(map(_sum, gradients, pull_back_images(of_images)))
        self.move(optimizer, gradients, variables)
        return terms

    # What others ask

    def further_images(self, he, ihc) -> Mapping[str, Any]:
        """What the panel of a run shows beside H&E, real and generated IHC.

        Args:
            he: H&E of a few held-out images, uint8 or in [-1, 1].
            ihc: Their IHC.

        Returns:
            Batches of images in [-1, 1] by the title of their column.
        """
        return {}

    def warning(self, logs: Mapping[str, float], done: float) -> str:
        """What the logs of an epoch give reason to say; "" if nothing.

        Args:
            logs: Of the epoch.
            done: Share of the training that is done.
        """
        return ""

    @classmethod
    def needs_with(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """What data it needs with some of its options; `needs`, whatever they are."""
        return cls.needs

    @property
    def staining_network(self) -> keras.Model:
        """The network that stains: the moving average where there is one."""
        return self.average_network or getattr(self, self.staining)

    @property
    def kept_network(self) -> keras.Model:
        """The network that a run saves: that of the best epoch, or the staining one."""
        return self.best_network or self.staining_network

    def keep(self) -> None:
        """Takes the network as it is now for the best."""
        self.best_network.set_weights(self.staining_network.get_weights())

    @property
    def degrading(self) -> Mapping[str, float]:
        """Stains whose training patches are degraded (`data.degrade`), how strongly."""
        return {}

    def held_out(self, batches, rows: int, *, paired: bool = True) -> HeldOut:
        """What it makes of the held-out images, and how near that comes.

        Args:
            batches: Batches of held-out images, once.
            rows: How many of them to show.
            paired: Whether the H&E and the IHC of a batch are of the same place.
        """
        return look_at_images(self, batches, rows, paired=paired)

    def check_patch_size(self, size: int) -> None:
        """Refuses patches that the networks cannot take, before the first step.

        Args:
            size: Height and width in pixels.

        Raises:
            ValueError: If they do not fit, with the nearest sizes that do.
        """
        check_size((size, size), models.stride(self.staining_network))

    def variables_of(self, player: str) -> list:
        """Trainable variables that a player moves."""
        networks = [getattr(self, role) for role in self.players[player]]
        return [v for network in networks for v in network.trainable_variables]

    def metric(self, player: str, term: str) -> str:
        """Name of a term in logs and history."""
        return term if len(self.players) == 1 else f"{player}_{term}"

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the players' losses in logs and history."""
        return tuple(self.metric(player, "loss") for player in self.players)

    def learning_rates(self) -> dict[str, float]:
        """The rate of each player's next step; the first one's is `learning_rate`."""
        rates = {p: float(o.learning_rate) for p, o in self.optimizer.players.items()}
        first = next(iter(rates))
        return {
            "learning_rate" if p == first else f"{p}_learning_rate": rate
            for p, rate in rates.items()
        }

    @property
    def metrics(self):
        return [m for terms in self.trackers.values() for m in terms.values()]

    # Keras

    def call(self, he, training=None):
        network = getattr(self, self.staining) if training else self.staining_network
        return network(to_network_range(he), training=training)

    def logs_of_step(self, data, training: bool) -> dict:
        """What Keras's steps return: one `step`, and the running means of its terms."""
        batch = Batch.of(data)
        if not self.built:  # TensorFlow does not ask for it before a single batch
            self.build(batch.he.shape)
        self.step(batch, training)
        if training and self.average_network:
            self._update_average()
        return {metric.name: metric.result() for metric in self.metrics}

    def _update_average(self):
        n = ops.cast(self.optimizer.iterations, "float32")
        decay = ops.minimum(self.average, (1.0 + n) / (10.0 + n))
        network = getattr(self, self.staining)
        for average, value in zip(
            self.average_network.weights, network.weights, strict=True
        ):
            average.assign(average + (1.0 - decay) * (value - average))

    def compile(self, optimizer, **kwargs):
        """Sets and builds the optimizers.

        Args:
            optimizer: That of each player, by name; the optimizer alone where there is
                one player. A player with a network in float16 gets its optimizer
                wrapped in a `LossScaleOptimizer`.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`, as in Keras.

        Raises:
            ValueError: If the names are not those of the players, or an optimizer
                keeps an average of its own.
        """
        if not isinstance(optimizer, Mapping):
            optimizer = {next(iter(self.players)): optimizer}
        if set(optimizer) != set(self.players):
            raise ValueError(
                f"{type(self).__name__} needs an optimizer for each of its players: "
                f"{', '.join(self.players)}. Received: {', '.join(optimizer)}."
            )
        _refuse_ema(optimizer)
        players = {p: self._scaled(p, optimizer[p]) for p in self.players}
        optimizers = PlayerOptimizers(players)
        optimizers.build_players({p: self.variables_of(p) for p in self.players})
        super().compile(optimizer=optimizers, auto_scale_loss=False, **kwargs)

    def _scaled(self, player, optimizer):
        scaled = keras.optimizers.LossScaleOptimizer
        networks = [getattr(self, role) for role in self.players[player]]
        is_half = any(x.compute_dtype == "float16" for n in networks for x in n.layers)
        is_scaled = isinstance(optimizer, scaled)
        return scaled(optimizer) if is_half and not is_scaled else optimizer

    # Saving

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            **{role: serialize(getattr(self, role)) for role in self.roles},
            **{option: getattr(self, option) for option in keyword_only(type(self))},
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        networks = {role: deserialize(config[role]) for role in cls.roles}
        return cls(**{**config, **networks})

    def get_compile_config(self):
        serialize = keras.saving.serialize_keras_object
        players = self.optimizer.players
        return {"optimizer": {name: serialize(o) for name, o in players.items()}}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def keyword_only(trainer: type[Trainer]) -> dict[str, inspect.Parameter]:
    """Options of a trainer's class, and of those it extends as far as it hands on."""
    options = {}
    for kind in trainer.__mro__:
        if "__init__" not in vars(kind):
            continue
        signature = inspect.signature(kind.__init__, eval_str=True)
        parameters = signature.parameters.values()
        for parameter in parameters:
            if parameter.kind == parameter.KEYWORD_ONLY:
                options.setdefault(parameter.name, parameter)
        if kind is Trainer or not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return options


def _refuse_ema(optimizers):
    # Keras would write it over the weights whenever `fit` returns.
    for player, optimizer in optimizers.items():
        if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
            raise ValueError(
                f"The optimizer of {player!r} has `use_ema`, which overwrites weights. "
                "Give the trainer `average` instead, which keeps both."
            )


def _copy(network):
    # Made under the policy of the network, which its configuration holds. It stays
    # trainable: it is what `model.keras` holds, and who loads that may train it.
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def _sum(a, b):
    return b if a is None else a if b is None else a + b
