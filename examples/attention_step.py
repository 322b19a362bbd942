"""One training step of a full-width `attn_pyramid`: how long, and how much memory.

    python examples/attention_step.py --size 512

At 512 x 512 pixels the last attention has 262,144 positions; a matrix of their scores
would take 275 GB.
"""

import argparse
import resource
import time

import numpy as np

from he2ihc_keras import models
from he2ihc_keras.optimizers import Adam
from he2ihc_keras.trainers import ConditionalGAN


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="patch, in pixels")
    parser.add_argument("--filters", type=int, default=64)
    options = parser.parse_args()

    gan = ConditionalGAN(
        models.build("attn_pyramid", filters=options.filters),
        models.build("patchgan"),
    )
    gan.compile(Adam(2e-4), Adam(2e-4))
    rng = np.random.default_rng(0)
    he, ihc = rng.uniform(-1, 1, (2, 1, options.size, options.size, 3)).astype("f4")

    begun = time.perf_counter()
    losses = gan.train_on_batch(he, ihc, return_dict=True)
    seconds = time.perf_counter() - begun

    positions = options.size**2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    print(f"{options.size} x {options.size}: {positions:,} positions in the last step")
    print(f"generator loss {losses['generator_loss']:.2f}")
    print(f"{seconds:.1f} s with tracing, peak memory {peak:.2f} GiB")
    print(f"a matrix of the scores alone: {4 * positions**2 / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
