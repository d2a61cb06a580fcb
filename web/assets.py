"""The style sheets, scripts, font and icon: read once, compressed, served for ever.

Bootstrap's style sheet and the font come from their packages. Each address holds a version that is
a hash of all contents, so browsers may keep what they have (RFC 8246 `immutable`).
"""

import gzip
import hashlib
import io
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from apiflask import APIFlask
from flask import Response, abort, request
from fontTools import subset

from web.access import public

OWN = Path(__file__).parent / "static"
BOOTSTRAP = "static/bootstrap5/css/bootstrap.min.css"
FONT = "files/Manrope-VariableFont_wght.ttf"
# Latin letters of Portuguese and its neighbours, and the punctuation that we write with.
FONT_CHARACTERS = [*range(0x20, 0x7F), *range(0xA0, 0x180), *map(ord, "–—‘’“”•…→←−€")]
VERSION_LENGTH = 10
ONE_YEAR_SECONDS = 31_536_000
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
}
COMPRESSED = {".css", ".js", ".svg"}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent; `zipped` is empty for what would not become smaller."""

    content: bytes
    zipped: bytes
    kind: str


def configure(app: APIFlask) -> None:
    """Serve the files below `/assets/`; `asset(name)` in a template gives the address of one."""
    assets = _load()
    version = _version(assets)

    @app.get("/assets/<version>/<name>")
    @public
    def asset(version: str, name: str) -> Response:  # noqa: ARG001 it only makes addresses new
        return _answer(assets[name]) if name in assets else abort(404)

    addresses = {name: f"/assets/{version}/{name}" for name in assets}
    app.jinja_env.globals.update(asset=addresses.__getitem__)


def _answer(asset: Asset) -> Response:
    zipped = asset.zipped if request.accept_encodings["gzip"] else b""
    response = Response(zipped or asset.content, content_type=asset.kind)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR_SECONDS}, immutable"
    return response


def _load() -> dict[str, Asset]:
    contents = {path.name: path.read_bytes() for path in sorted(OWN.iterdir())}
    contents["bootstrap.css"] = files("flask_bootstrap").joinpath(BOOTSTRAP).read_bytes()
    contents["manrope.woff"] = _font()
    return {name: _asset(name, content) for name, content in contents.items()}


def _asset(name: str, content: bytes) -> Asset:
    suffix = Path(name).suffix
    zipped = gzip.compress(content, mtime=0) if suffix in COMPRESSED else b""
    return Asset(content, zipped, KINDS[suffix])


def _version(assets: dict[str, Asset]) -> str:
    whole = hashlib.sha256()
    for asset in assets.values():
        whole.update(asset.content)
    return whole.hexdigest()[:VERSION_LENGTH]


def _font() -> bytes:
    """Return the letters that we need of Manrope, in all weights, as WOFF."""
    options = subset.Options(flavor="woff", layout_features=["kern", "liga", "tnum", "ccmp"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=FONT_CHARACTERS)
    target = io.BytesIO()
    with subset.load_font(str(files("font_manrope").joinpath(FONT)), options) as font:
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(target)
    return target.getvalue()
