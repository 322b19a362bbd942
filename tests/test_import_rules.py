import ast
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from he2ihc_keras.cli import main
from helpers import run_python, write_pairs

ROOT = Path(__file__).parents[1]
# A room may import from those to its left.
ROOMS = (
    *("files", "tables", "presets"),
    *("layers", "losses", "brownian_bridge", "optimizers", "measures"),
    *("models", "data", "engine", "trainers", "recipe", "training", "inference"),
    *("scoring", "report", "export", "zoo", "cli"),
)
# Computation that runs on every Keras backend
BACKEND_FREE = (*ROOMS[3:7], "models", "trainers")


class Import(NamedTuple):
    """One imported module, and where the import stands."""

    path: Path
    line: int
    module: str
    is_in_function: bool

    @property
    def room(self):
        """The room that imports; "" for the package's own `__init__` and the alias."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        first = parts[1] if parts[0] == "he2ihc_keras" else parts[0]
        return first if first in ROOMS else ""

    @property
    def top(self):
        return self.module.partition(".")[0]

    def __str__(self):
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


def imports_of(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, functions)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        for module in _modules(node):
            yield Import(path, node.lineno, module, id(node) in inside)


def _modules(node):
    """Full names of what a node imports: "from a import b" is "a.b"."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        dots = "." * node.level
        return [f"{dots}{node.module or ''}.{alias.name}" for alias in node.names]
    return []


IMPORTS = [
    imported
    for top in ("he2ihc_keras", "cli", "zoo")
    for path in sorted((ROOT / top).rglob("*.py"))
    for imported in imports_of(path)
]


def broken(rule):
    return [str(imported) for imported in IMPORTS if not rule(imported)]


def test_every_module_stands_in_a_room():
    package = ROOT / "he2ihc_keras"
    found = {path.stem for path in package.iterdir() if path.suffix == ".py"}
    found |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert found - {"__init__", "_alias"} == set(ROOMS) - {"zoo", "cli"}
    assert {imported.room for imported in IMPORTS} == {"", *ROOMS}


def test_rooms_import_only_leftwards():
    def is_leftwards(imported):
        package, _, rest = imported.module.partition(".")
        target = rest.partition(".")[0]
        if package != "he2ihc_keras" or target not in ROOMS:
            return True
        return imported.room and ROOMS.index(target) <= ROOMS.index(imported.room)

    assert broken(is_leftwards) == []


def test_imports_of_this_package_name_a_room():
    names = {*ROOMS, ""}
    assert (
        broken(
            lambda x: x.top != "he2ihc_keras" or (x.module + ".").split(".")[1] in names
        )
        == []
    )


def test_imports_are_absolute():
    assert broken(lambda imported: not imported.module.startswith(".")) == []


@pytest.mark.parametrize("package", ["zoo", "cli", "keras_he2ihc"])
def test_no_package_is_imported_by_its_other_name(package):
    assert broken(lambda imported: imported.top != package) == []


def test_click_is_imported_only_in_cli():
    assert (
        broken(lambda imported: imported.top != "click" or imported.room == "cli") == []
    )


def test_tensorflow_is_imported_only_where_it_may_be():
    def may(imported):
        return (
            imported.top != "tensorflow"
            or imported.room == "export"
            or imported.path == ROOT / "he2ihc_keras" / "engine" / "tensorflow.py"
            or imported.path.name.startswith("_tensorflow_")
            or imported.is_in_function
        )

    assert broken(may) == []


def test_a_tensorflow_module_is_imported_inside_a_function():
    assert broken(lambda x: "._tensorflow_" not in x.module or x.is_in_function) == []


def test_keras_cv_is_imported_only_in_augment():
    augment = ROOT / "he2ihc_keras" / "data" / "augment.py"
    assert broken(lambda x: x.top != "keras_cv" or x.path == augment) == []
    assert any(imported.top == "keras_cv" for imported in IMPORTS)


def test_pydantic_checks_tables_and_nothing_else():
    places = ("tables.py", "data/options.py", "recipe/sections.py")
    paths = {ROOT / "he2ihc_keras" / place for place in places}
    found = {imported.path for imported in IMPORTS if imported.top == "pydantic"}
    assert found == paths


def test_networks_and_losses_are_written_in_keras():
    third_party = {
        imported.top
        for imported in IMPORTS
        if imported.room in BACKEND_FREE
        and not imported.path.name.startswith("_tensorflow_")
        and not imported.is_in_function
        and imported.top not in sys.stdlib_module_names
    }
    assert third_party == {"keras", "numpy", "he2ihc_keras"}


# What loads when


def loaded_after(code):
    """Which of the slow libraries a fresh process has loaded after the code."""
    report = """
import sys
heavy = {"tensorflow", "keras", "keras_cv", "skimage", "jax", "torch", "pydantic"}
print("LOADED", *sorted({*heavy, "numpy", "rich"} & set(sys.modules)))
"""
    *_, last = run_python(code + report).splitlines()
    assert last.startswith("LOADED")
    return last.split()[1:]


def after_commands(*commands):
    lines = [f"main({arguments}, standalone_mode=False)" for arguments in commands]
    return loaded_after("\n".join(["from he2ihc_keras.cli import main", *lines]))


def test_help_loads_nothing_heavy():
    names = main.list_commands(None)
    assert after_commands(["--help"], *([name, "--help"] for name in names)) == []


def test_cards_load_nothing_heavy():
    assert set(after_commands(["zoo"], ["zoo", "unet"])) <= {"rich"}


def test_looking_at_data_loads_neither_tensorflow_nor_keras():
    modules = [
        f"he2ihc_keras.data.{m}" for m in ("images", "pairs", "phantom", "report")
    ]
    assert loaded_after(f"import {', '.join(modules)}") == ["numpy"]


def test_a_sample_is_decided_without_tensorflow_or_keras():
    assert loaded_after("import he2ihc_keras.data.sample") == ["numpy", "pydantic"]


def test_losses_and_models_do_not_load_the_training():
    code = """
import he2ihc_keras.losses, he2ihc_keras.models, sys
assert not {"he2ihc_keras.training", "he2ihc_keras.data"} & set(sys.modules)
"""
    assert "keras" in loaded_after(code)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_fit_imports_no_tensorflow_elsewhere(tmp_path, backend):
    run_python(
        """
        import sys
        from pathlib import Path
        import keras
        from he2ihc_keras import data
        pair = data.Pair(Path(sys.argv[1]), Path(sys.argv[1]), "train")
        options = data.Data(patch_size=8, photometric=1.0)
        batches = data.training_batches([pair], options, batch_size=1, seed=0)
        held_out = data.validation_batches([pair], options, batch_size=1)
        he = keras.Input((8, 8, 3), dtype="uint8")
        model = keras.Model(he, keras.layers.Rescaling(1.0)(he))
        model.compile(loss="mae")
        model.fit(batches, validation_data=held_out, steps_per_epoch=2, verbose=0)
        assert not {"tensorflow", "keras_cv"} & set(sys.modules)
        """,
        write_pairs(tmp_path, 1)[0].he,
        backend=backend,
    )


def test_keras_cv_is_imported_for_photometric_changes_alone(tmp_path):
    run_python(
        """
        import sys
        from pathlib import Path
        from he2ihc_keras import data
        pair = data.Pair(Path(sys.argv[1]), Path(sys.argv[1]), "train")
        options = data.Data(patch_size=8)
        next(iter(data.training_batches([pair], options, batch_size=1, seed=0)))
        assert "keras_cv" not in sys.modules
        """,
        write_pairs(tmp_path, 1)[0].he,
    )
