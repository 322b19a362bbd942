"""Ten steps of a small GAN without normalisation: `ten_steps.py OUT OPTIMIZER`.

Weights, images and what is done with them are the same on every backend.
"""

import sys

import keras
import numpy as np
from keras import ops

from he2ihc_keras import models
from he2ihc_keras.optimizers import Adam
from he2ihc_keras.trainers import ConditionalGAN

OPTIMIZERS = {"adam": lambda: Adam(2e-4), "sgd": lambda: keras.optimizers.SGD(1e-2)}


def gan(optimizer):
    generator = models.build("unet", filters=4, depth=2, normalization=None)
    judge = models.build("patchgan", filters=4, normalization=None)
    trainer = ConditionalGAN(generator, judge, pyramid_weights=[25.0, 25.0])
    rng = np.random.default_rng(0)
    for weight in trainer.weights:
        fan_in = max(1, np.prod(weight.shape[:-1]))
        weight.assign(rng.normal(0, fan_in**-0.5, weight.shape))
    trainer.compile(OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer]())
    return trainer


def images(steps=10):
    return np.random.default_rng(1).uniform(-1, 1, (steps, 2, 2, 32, 32, 3))


def train(trainer, batches):
    losses = []
    for he, ihc in batches.astype("float32"):
        trainer.reset_metrics()
        logs = trainer.train_on_batch(he, ihc, return_dict=True)
        losses.append([logs["generator_loss"], logs["discriminator_loss"]])
    return losses


if __name__ == "__main__":
    out, optimizer = sys.argv[1:]
    trainer = gan(optimizer)
    losses = train(trainer, images())
    trainer.save(f"{out}.keras")
    weights = [ops.convert_to_numpy(v.value) for v in trainer.weights]
    np.savez(out, *weights, losses=losses)
