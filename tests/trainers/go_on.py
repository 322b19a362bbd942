"""One more step of a saved GAN: the generator's loss, and the optimizer's steps."""

import sys

import keras
from ten_steps import images, train

if __name__ == "__main__":
    trainer = keras.models.load_model(sys.argv[1])
    [[loss, _]] = train(trainer, images(11)[10:])
    print(loss, int(trainer.optimizer.iterations))
