"""How fast and how lean is `score`, against a plain loop over scikit-image?

Scores pairs of a folder with all measures and baselines, then times PSNR and SSIM of
scikit-image alone, image after image, on a part of them. Eight synthetic pairs stand in
the folder again and again under other names; each is read and measured anew.

    python examples/score_speed.py --pairs 500 --size 1024
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from he2ihc_keras import scoring
from he2ihc_keras.data import phantom, read_image
from he2ihc_keras.data.images import write_image
from he2ihc_keras.data.pairs import LEVELS

DISTINCT = 8
LOOPED = 24  # pairs that the plain loop takes its mean time from


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        predicted, target, he = write_pairs(Path(folder), options.pairs, options.size)
        seconds, busy, scores = score(scoring.Folders(predicted, target, he))
        gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        a_pair = plain_loop(predicted, target)
    measured = len(scores.measures) * len(scores.methods)
    print(f"{options.pairs} pairs of {options.size} x {options.size} pixels:")
    print(f"  {options.pairs / seconds:.2f} pairs a second, {measured} values a pair")
    print(f"  {busy:.2f} of {os.cpu_count()} cores busy, {gigabytes:.2f} GiB at most")
    ratio = seconds / options.pairs / a_pair
    print(f"  {ratio:.2f} times what a loop of scikit-image's PSNR and SSIM takes")


def score(folders):
    start, cpu = time.perf_counter(), time.process_time()
    _, scores = scoring.score_folders(folders)
    seconds = time.perf_counter() - start
    return seconds, (time.process_time() - cpu) / seconds, scores


def plain_loop(predicted, target):
    names = sorted(path.name for path in target.iterdir())[:LOOPED]
    start = time.perf_counter()
    for name in names:
        ihc, fake_ihc = read_image(target / name), read_image(predicted / name)
        peak_signal_noise_ratio(ihc, fake_ihc)
        structural_similarity(ihc, fake_ihc, channel_axis=-1)
    return (time.perf_counter() - start) / len(names)


def write_pairs(folder, pairs, size):
    """Pairs of the phantom, and its real IHC seen through noise as predictions."""
    folders = folder / "predicted", folder / "target", folder / "he"
    for path in folders:
        path.mkdir()
    rng = np.random.default_rng(0)
    for index in range(min(DISTINCT, pairs)):
        pair = phantom.make_pair(LEVELS[index % 4], size, index=index)
        noisy = np.clip(pair.ihc + rng.normal(0, 8, pair.ihc.shape), 0, 255)
        images = noisy.astype(np.uint8), pair.ihc, pair.he
        for path, image in zip(folders, images, strict=True):
            write_image(path / f"{index:05}.png", image)
    for number in range(DISTINCT, pairs):
        for path in folders:
            os.link(path / f"{number % DISTINCT:05}.png", path / f"{number:05}.png")
    return folders


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--size", type=int, default=1024, help="pixels")
    return parser.parse_args()


if __name__ == "__main__":
    main()
