"""The run folder: what a run leaves behind, enough to run again."""

import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import keras

import he2ihc_keras
from he2ihc_keras.data.digests import with_digests
from he2ihc_keras.data.pairs import Pair, read_pairs_csv, write_pairs_csv
from he2ihc_keras.files import whole_file
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training.lock import holder


@dataclass(frozen=True)
class RunFolder:
    """Names of the files of a run.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe as resolved: with every override."""
        return self.path / "recipe.toml"

    @property
    def versions(self) -> Path:
        """Package versions and machine."""
        return self.path / "versions.json"

    @property
    def pairs(self) -> Path:
        """Which pair was in which split, where, and the digests of its files."""
        return self.path / "pairs.csv"

    @property
    def model(self) -> Path:
        """The network after the last epoch, or the best, where its trainer tells."""
        return self.path / "model.keras"

    def network(self, role: str) -> Path:
        """Another network that the trainer keeps beside the model, as the model."""
        return self.path / f"{role}.keras"

    @property
    def checkpoints(self) -> Path:
        """Everything that training needs to go on, of the last two checkpoints."""
        return self.path / "checkpoints"

    @property
    def history(self) -> Path:
        """Losses, validation and learning rates of each epoch."""
        return self.path / "history.csv"

    @property
    def logs(self) -> Path:
        """TensorBoard's folder."""
        return self.path / "logs"

    @property
    def samples(self) -> Path:
        """A panel of each epoch: H&E, real IHC, generated IHC."""
        return self.path / "samples"

    @property
    def scores(self) -> Path:
        """Scores of each held-out image."""
        return self.path / "scores.csv"

    @property
    def lock(self) -> Path:
        """What a process holds while it trains into the folder; then it stays, free."""
        return self.path / ".training.lock"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.recipe.is_file()

    def others(self) -> list[Path]:
        """What lies here and is not of a start that was killed before it was a run."""
        own = {self.pairs, self.versions, self.lock, holder(self.lock)}
        files = sorted(self.path.iterdir()) if self.path.exists() else []
        return [f for f in files if f not in own and not f.match(".*.tmp*")]

    def has_checkpoints(self) -> bool:
        """Whether there is something to go on from."""
        return any(self.checkpoints.glob("step-*.npz"))

    def last_step(self) -> int:
        """Step of the newest checkpoint; 0 if there is none."""
        newest = max(self.checkpoints.glob("step-*.npz"), default=None)
        return int(newest.stem.removeprefix("step-")) if newest else 0

    def create(self, recipe: Recipe, pairs: list[Pair]) -> None:
        """Begins a run: writes recipe, pairs and versions.

        The images of pairs without digests are read for them.

        Raises:
            ValueError: If the folder holds a run already.
        """
        if self.exists():
            raise ValueError(
                f"{self.path} holds a run already. Continue it with --resume, or "
                "choose another folder with --out."
            )
        pairs = with_digests(pairs)
        self.path.mkdir(parents=True, exist_ok=True)
        self.remove_leftovers()
        write_pairs_csv(self.pairs, pairs)
        with whole_file(self.versions) as temporary:
            temporary.write_text(json.dumps(versions(), indent=2) + "\n")
        # Last: it is what makes the folder a run.
        with whole_file(self.recipe) as temporary:
            temporary.write_text(recipe.to_toml(), encoding="utf-8")

    def remove_leftovers(self) -> None:
        """Removes the unfinished files of a run that was killed while it wrote."""
        for pattern in (".*.tmp*", "checkpoints/.*.tmp", "samples/.*.tmp"):
            for leftover in self.path.glob(pattern):
                leftover.unlink()

    def read(self, *, moved: bool = False) -> tuple[Recipe, list[Pair]]:
        """Recipe and pairs of the run.

        Args:
            moved: Whether the images may lie elsewhere by now.

        Raises:
            ValueError: If the folder holds no run, or its recipe is not whole.
        """
        if not self.exists():
            raise ValueError(
                f"{self.path} holds no run: there is no {self.recipe.name}."
            )
        recipe = Recipe.load_complete(self.recipe)
        return recipe, read_pairs_csv(self.pairs, moved=moved)

    def read_to_resume(self, *, moved: bool = False) -> tuple[Recipe, list[Pair]]:
        """Recipe and pairs, if the run can go on in this process.

        Args:
            moved: As for `read`.

        Raises:
            ValueError: If the folder holds no run, or one that another version of this
                package or another backend began.
        """
        if self.exists():
            began = self._began_with()
            version, now = began["he2ihc-keras"], he2ihc_keras.__version__
            if version != now:
                raise ValueError(
                    f"{self.path} was begun by he2ihc-keras {version}, and this is "
                    f"{now}. Resume it with he2ihc-keras=={version}, or start anew "
                    "with another --out."
                )
            refuse_other_backend(str(self.path), began["backend"])
        return self.read(moved=moved)

    def _began_with(self) -> dict[str, str]:
        try:
            began = json.loads(self.versions.read_text(encoding="utf-8"))
            return {key: began[key] for key in ("he2ihc-keras", "backend")}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self.versions} is missing or not whole, which tells what the run "
                "was begun with: restore the file, or train anew."
            ) from error


def refuse_other_backend(what: str, made_by: str) -> None:
    """Refuses to go on with what another backend made.

    Raises:
        ValueError: If `made_by` is not Keras's backend now.
    """
    now = keras.backend.backend()
    if made_by != now:
        raise ValueError(
            f"{what} was made by Keras on {made_by}, and this is {now}: training goes "
            f"on where it began. Set --backend {made_by}, or KERAS_BACKEND={made_by}. "
            "A model.keras is free to move."
        )


def versions() -> dict[str, str]:
    """Versions of this package, of all that are installed beside it, and of Python."""
    installed = importlib.metadata.distributions()
    packages = {d.metadata["Name"]: d.version for d in installed if d.metadata["Name"]}
    return {
        **dict(sorted(packages.items(), key=lambda item: item[0].lower())),
        # The code that runs; what is installed may be an older link to it.
        "he2ihc-keras": he2ihc_keras.__version__,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
