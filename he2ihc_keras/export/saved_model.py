"""A generator as a SavedModel, for whoever serves it without this package."""

import json
from pathlib import Path

import keras
import tensorflow as tf

from he2ihc_keras.files import whole_folder
from he2ihc_keras.inference import Modes, Stainer
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training.run_folder import versions

_IMAGES = (None, None, None, 3)


def export_saved_model(
    generator: keras.Model, out: Path | str, *, recipe: Recipe | None = None
) -> Path:
    """Writes a SavedModel with dynamic sizes, and `he2ihc.json` beside its graph.

    Endpoints, all computing what `inference.Stainer` does, padding included:

    * `serve` (the default): H&E uint8 `(batch, height, width, 3)` to IHC of the same.
    * `serve_float`: the same, float32 in [-1, 1].
    * `serve_png`: a vector of PNG or JPEG files, of one image size, to PNG files. They
      are opaque and of 8 bits a channel: TensorFlow drops alpha, which reading from
      disk lays on white, and the lower half of 16 bits, which it refuses.

    Args:
        generator: A generator of this package.
        out: Folder to make; it must not exist, or be empty.
        recipe: The recipe of its training, for the description.

    Returns:
        The folder.

    Raises:
        ValueError: If `out` is not empty, or Keras does not run on TensorFlow.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            "A SavedModel is written by Keras on TensorFlow. Received backend: "
            f"{backend}. Save the model, and load it where KERAS_BACKEND=tensorflow."
        )
    out = Path(out).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not empty. Choose another --out.")
    stainer = Stainer(generator)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(out) as temporary:
        _archive(stainer).write_out(str(temporary), verbose=False)
        description = json.dumps(_description(stainer, recipe), indent=2)
        (temporary / "he2ihc.json").write_text(description + "\n", encoding="utf-8")
    return out


def _archive(stainer):
    archive = keras.export.ExportArchive()
    archive.track(stainer)
    signature = tf.TensorSpec
    archive.add_endpoint(
        "serve", stainer.__call__, [signature(_IMAGES, tf.uint8, name="he")]
    )
    archive.add_endpoint(
        "serve_float", stainer.stain, [signature(_IMAGES, tf.float32, name="he")]
    )
    archive.add_endpoint(
        "serve_png", _of_files(stainer), [signature((None,), tf.string, name="he")]
    )
    return archive


def _of_files(stainer):
    def decode(file):
        return tf.cond(
            tf.io.is_jpeg(file), lambda: decode_jpeg(file), lambda: decode_png(file)
        )

    # Accurate, as Pillow decodes: TensorFlow's default is off by a dozen gray levels.
    def decode_jpeg(file):
        return tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")

    def decode_png(file):
        return tf.io.decode_png(file, channels=3)

    def stain_files(files):
        he = tf.map_fn(decode, files, fn_output_signature=_image(tf.uint8))
        ihc = stainer(he)
        return tf.map_fn(tf.io.encode_png, ihc, fn_output_signature=_file())

    return stain_files


def _image(dtype):
    return tf.TensorSpec((None, None, 3), dtype)


def _file():
    return tf.TensorSpec((), tf.string)


def _description(stainer, recipe):
    tables = recipe.to_dict() if recipe else None
    return {
        "name": stainer.generator.name,
        "notice": "Not for diagnosis. Research use only.",
        "endpoints": ["serve", "serve_float", "serve_png"],
        "stride": stainer.stride,
        "modes": Modes().of(stainer.generator).as_dict(),
        "mpp": recipe.data.mpp if recipe else None,
        "stain": recipe.data.stain if recipe else None,
        "recipe": tables,
        "versions": versions(),
    }
