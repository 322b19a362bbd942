import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import he2ihc_keras

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PYPROJECT["tool"]["setuptools"]["packages"]
FOLDERS = PYPROJECT["tool"]["setuptools"]["package-dir"]
# Distributions whose module has another name
DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image"}


def folder_of(package):
    """Where a package's source lies: of the longest prefix in `package-dir`."""
    for prefix in sorted(FOLDERS, key=len, reverse=True):
        if f"{package}.".startswith(f"{prefix}."):
            rest = package.removeprefix(prefix).strip(".").split(".")
            return Path(FOLDERS[prefix], *filter(None, rest))
    raise LookupError(package)


def sources():
    for top in ("he2ihc_keras", "cli", "zoo"):
        yield from (path.relative_to(ROOT) for path in (ROOT / top).rglob("*.py"))


def test_every_package_is_listed():
    found = {path.parent for path in sources() if path.name == "__init__.py"}
    assert {folder_of(package) for package in PACKAGES} == found


def test_every_module_lies_in_a_package():
    folders = {folder_of(package) for package in PACKAGES}
    assert {path.parent for path in sources()} <= folders


def test_only_two_names_stand_in_site_packages():
    tops = {package.partition(".")[0] for package in PACKAGES}
    assert tops == {"he2ihc_keras", "keras_he2ihc"}


def test_recipes_cards_and_type_marker_are_package_data():
    data = PYPROJECT["tool"]["setuptools"]["package-data"]
    files = [path for path in (ROOT / "zoo").iterdir() if path.is_file()]
    suffixes = {path.suffix for path in files} - {".py"}
    assert set(data["he2ihc_keras.zoo"]) == {f"*{suffix}" for suffix in suffixes}
    assert data["he2ihc_keras"] == ["py.typed"]
    assert (ROOT / "he2ihc_keras" / "py.typed").is_file()


def test_installed_version_is_the_packages():
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert importlib.metadata.version("he2ihc-keras") == he2ihc_keras.__version__


def test_the_command_is_installed():
    [command] = importlib.metadata.entry_points(
        group="console_scripts", name="he2ihc-keras"
    )
    assert command.value == "he2ihc_keras.cli:main"
    assert callable(command.load())


def imported_modules():
    """Top-level names of what the sources import, in functions too."""
    for path in sources():
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def test_what_is_imported_is_declared():
    third_party = set(imported_modules()) - set(sys.stdlib_module_names)
    needed = {
        DISTRIBUTIONS.get(name, name.replace("_", "-"))
        for name in third_party - {"he2ihc_keras"}
    }
    extras = PYPROJECT["project"]["optional-dependencies"]
    of_users = [d for name in extras if name != "test" for d in extras[name]]
    dependencies = PYPROJECT["project"]["dependencies"] + of_users
    declared = {re.match(r"[\w-]+", dependency)[0] for dependency in dependencies}
    assert needed <= declared
