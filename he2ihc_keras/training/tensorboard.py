"""TensorBoard's files, written without TensorFlow: the same on every backend."""

import io
import os
import socket
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class EventFile:
    """One file of TensorBoard's events.

    Args:
        folder: What TensorBoard shows as one run; it is made with the first event.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._path = None

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Adds a point to the curve of each name."""
        self._write(
            step, [Summary.Value(tag=k, simple_value=values[k]) for k in values]
        )

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """Adds a picture, uint8 `(height, width, 3)`."""
        png = io.BytesIO()
        Image.fromarray(image).save(png, format="PNG")
        height, width, channels = image.shape
        shown = Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=png.getvalue(),
        )
        self._write(step, [Summary.Value(tag=name, image=shown)])

    def _write(self, step, values):
        if self._path is None:
            self._begin()
        self._append(
            Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        )

    def _begin(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        name = f"events.out.tfevents.{now:.6f}.{socket.gethostname()}.{os.getpid()}"
        self._path = self.folder / name
        self._append(Event(wall_time=now, file_version="brain.Event:2"))

    def _append(self, event):
        # Opened for each event, a few an epoch: a run that fails leaves none open.
        with open(self._path, "ab") as file:
            RecordWriter(file).write(event.SerializeToString())
