"""One more step of each saved GAN: `go_on.py MODEL...`.

Prints a line each: the generator's loss, and the optimizer's steps.
"""

import sys

import keras
from ten_steps import images, train

if __name__ == "__main__":
    for model in sys.argv[1:]:
        trainer = keras.models.load_model(model)
        [[loss, _]] = train(trainer, images(11)[10:])
        print(loss, int(trainer.optimizer.iterations))
