"""The files in `static/`: read once, hashed, compressed, served from memory.

The address holds a hash over all of them (`/static/<hash>/app.css`), so that browsers may keep them
for ever and a module that imports its neighbour by a relative path gets the one of the same build.
"""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PACKAGE_DIR: Final = Path(__file__).resolve().parent.parent
URL_PREFIX: Final = "/static/"
_MIN_GAIN: Final = 0.9
_HASH_LENGTH: Final = 12
_TYPES: Final = {
    ".css": "text/css",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_COMPRESSIBLE: Final = frozenset({".css", ".js", ".json", ".svg", ".txt", ".webmanifest"})


def data_dir(name: str) -> Path:
    """The directory `templates` or `static`: of the checkout, else inside the installed package."""
    checkout = PACKAGE_DIR.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return PACKAGE_DIR / name


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `body` is gzip where `gzipped` (kept in one form only: memory)."""

    media_type: str
    body: bytes
    gzipped: bool
    etag: str  # of the plain content, without quotes

    def plain(self) -> bytes:
        """The content as it lies in the file."""
        return gzip.decompress(self.body) if self.gzipped else self.body


class Assets:
    """All files below a directory whose type is known; reading them blocks."""

    def __init__(self, directory: Path) -> None:
        self._files = {
            path.relative_to(directory).as_posix(): _read(path)
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix in _TYPES
        }
        summary = "\n".join(f"{name} {asset.etag}" for name, asset in self._files.items())
        self.version = hashlib.sha256(summary.encode()).hexdigest()[:_HASH_LENGTH]

    def url(self, name: str) -> str:
        """The address of a file, with the hash; KeyError for one that is not there."""
        if name not in self._files:
            raise KeyError(name)
        return f"{URL_PREFIX}{self.version}/{name}"

    def find(self, path: str) -> tuple[Asset | None, bool]:
        """The file of a request below `/static/`, and whether its address holds the current hash.

        An address of another build (or none) still finds the file of this one. Only names that
        were there at the start exist, so no path leads outside.
        """
        first, _, rest = path.lstrip("/").partition("/")
        if first == self.version:
            return self._files.get(rest), True
        if len(first) == _HASH_LENGTH and rest in self._files:
            return self._files[rest], False
        return self._files.get(path.lstrip("/")), False


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:16]
    if path.suffix in _COMPRESSIBLE:
        packed = gzip.compress(content, mtime=0)
        if len(packed) < len(content) * _MIN_GAIN:
            return Asset(_TYPES[path.suffix], packed, gzipped=True, etag=etag)
    return Asset(_TYPES[path.suffix], content, gzipped=False, etag=etag)
