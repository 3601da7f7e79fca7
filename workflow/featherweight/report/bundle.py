"""The JavaScript that draws figures in a page: a constant of vl-convert's release.

To put it together takes 1.8 CPU seconds, a fifth of a small study's report, so it is kept in the
user's cache folder, under a name that says the release and the text's SHA-256:

    ~/.cache/featherweight/vega-1.9.0-6f1c...e2.js

What is not the text of that hash is not used, and made again. Where nothing can be written, it is
made every time.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import vl_convert

from featherweight.errors import InputError
from featherweight.files import write_atomically


def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one text that can stand inline."""
    folder, release = _folder(), f"vega-{version('vl-convert-python')}-"
    for path in [] if folder is None else sorted(folder.glob(f"{release}*.js")):
        with suppress(OSError):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == path.stem.removeprefix(release):
                return content.decode()
    made: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    if folder is not None:
        content = made.encode()
        name = f"{release}{hashlib.sha256(content).hexdigest()}.js"
        with suppress(OSError, InputError):  # where nothing can be kept it is made every time
            write_atomically(folder / name, content)
    return made


def _folder() -> Path | None:
    """Of the XDG base directory specification, where a relative path is to be ignored; None for a
    user without a home.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (given if given.is_absolute() else Path.home() / ".cache") / "featherweight"
    except RuntimeError:
        return None
