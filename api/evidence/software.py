"""By which software a document was made: the same software makes the same document of the same events."""

import unicodedata
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import api
import domain
import projections

_TELLING = (
    (domain, "**/*.py"),
    (projections, "audit/*.py"),
    (api, "evidence/*.py"),
    (api, "clock_*.py"),
    (api, "svg.py"),
)


@cache
def software() -> str:
    """A name for what turns events into a document: a digest of the code, and which zones and characters it knows."""
    digest = sha256()
    for package, pattern in _TELLING:
        assert package.__file__ is not None
        for path in sorted(Path(package.__file__).parent.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    zones, characters = version("tzdata"), unicodedata.unidata_version
    return f"acta {digest.hexdigest()[:16]}, zones {zones}, characters {characters}"
