"""A picture of held-out pairs of a run: H&E, real IHC, generated IHC, in whole images.

    python examples/panel.py runs/attn_pyramid --out panel.png

The picture in the README is that of the first command there.
"""

import argparse
from pathlib import Path

from he2ihc_keras import data, inference, training


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("panel.png"))
    parser.add_argument("--rows", type=int, default=4)
    options = parser.parse_args()

    recipe, pairs = training.RunFolder(options.run).read()
    stainer = inference.Stainer(inference.load_generator(options.run))
    _, held_out = inference.held_out(pairs)
    stained = inference.stain_pairs(stainer, held_out[: options.rows], recipe)
    rows = [(he, ihc, fake_ihc) for _, _, fake_ihc, ihc, he in stained]
    data.write_image(options.out, training.sample_panel(rows))
    print(f"{len(rows)} pairs: {options.out}")


if __name__ == "__main__":
    main()
