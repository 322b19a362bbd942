"""From a template to one HTML file that needs nothing beside it."""

import base64
import hashlib
from datetime import UTC, datetime
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import he2ihc_keras
from he2ihc_keras.files import whole_file

_EXTRA = ("matplotlib", "jinja2")
# By which a page of this package is known, within so many bytes
_MARK, _HEAD = '<meta name="generator" content="he2ihc-keras', 4096


def check_extra() -> None:
    """Refuses to begin where what pages need is not installed.

    Raises:
        ModuleNotFoundError: If Matplotlib or Jinja is not installed.
    """
    try:
        for name in _EXTRA:
            import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"A report needs {error.name}, which is not installed. Install it: "
            "pip install 'he2ihc-keras[report]'."
        ) from error


def rendered(template: str, *, script: str = "script.js", **context: Any) -> str:
    """A page of a template of this folder, with its style and its one script.

    Args:
        template: Name of the file.
        script: Name of the script, the only one that the page may run.
        **context: What the template asks for.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(packaged),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = packaged(script)
    return environment.get_template(template).render(
        **context,
        css=packaged("style.css"),
        script=source,
        script_hash=_hash(source),
        version=he2ihc_keras.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def packaged(name: str) -> str:
    """The text of a file of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(script):
    """What a content security policy names the one script by that may run."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def check_place(out: Path) -> None:
    """Refuse a place for a page where another file is.

    Raises:
        ValueError: If the name is not that of a page, or a file is there that this
            package did not make.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"The page's name must end in .html. Received: {out}.")
    if out.is_file() and _MARK.encode() not in out.read_bytes()[:_HEAD]:
        raise ValueError(
            f"{out} would be replaced by the page, and is another file. Choose another "
            "--out."
        )


def write_page(out: Path, text: str) -> None:
    """Write a page, whole or not at all; its folder is made."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        # A path may hold bytes that are no text.
        temporary.write_text(text, encoding="utf-8", errors="replace")
