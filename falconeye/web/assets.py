"""The files in `static/`: read once, hashed, compressed, served from memory.

The address holds a hash over all of them (`/static/<hash>/app.css`), so that browsers may keep them
for ever and a module that imports its neighbour by a relative path gets the one of the same build.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

PACKAGE_DIR: Final = Path(__file__).resolve().parent.parent
URL_PREFIX: Final = "/static/"
_MIN_GAIN: Final = 0.9
VENDOR: Final = "vendor"  # files of others, as they were given out
MANIFEST: Final = "assets.txt"  # `NAME ETAG` of each file, a line each: what the hash is over
_HASH_LENGTH: Final = 12
_ETAG_LENGTH: Final = 16
_VERSION: Final = re.compile(r"[0-9a-f]{12}")
# Lines of our own files that are for who reads the source: whole lines of comment, and the blanks
# before the others. What stands beside code stays: no knowledge of the language is needed.
_COMMENTS: Final = re.compile(rb"^[ \t]*(?://.*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
_INDENTATION: Final = re.compile(rb"^(?:[ \t]+|\n)", re.MULTILINE)
_SLIM: Final = frozenset({".css", ".js"})
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
    """`templates`, `static` or `systemd`: of the checkout, else inside the installed package."""
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
            path.relative_to(directory).as_posix(): _read(
                path, own=not _is_vendored(path, directory)
            )
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix in _TYPES
        }
        summary = "\n".join(f"{name} {asset.etag}" for name, asset in self._files.items())
        self.version = version_of(summary.encode())
        self._files[MANIFEST] = Asset(
            "text/plain", summary.encode(), gzipped=False, etag=etag_of(summary.encode())
        )

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


def version_of(manifest: bytes) -> str:
    """The hash in the addresses of all files that a manifest lists."""
    return hashlib.sha256(manifest).hexdigest()[:_HASH_LENGTH]


def etag_of(content: bytes) -> str:
    """The entity tag of a file, without quotes."""
    return hashlib.sha256(content).hexdigest()[:_ETAG_LENGTH]


def other_version(path: str, own: str) -> tuple[str, str] | None:
    """Hash and name of an address below `/static/` that is of another build; None for all else."""
    first, _, name = path.lstrip("/").partition("/")
    return (first, name) if name and first != own and _VERSION.fullmatch(first) else None


def media_type_of(name: str) -> str:
    """By the ending; empty for what is not served."""
    return _TYPES.get(PurePosixPath(name).suffix, "")


def slim(content: bytes) -> bytes:
    """Our own JS or CSS without lines of comment, empty lines and indentation.

    A sixth less to send. No text of ours may span lines; a test looks at each file.
    """
    return _INDENTATION.sub(b"", _COMMENTS.sub(b"", content))


def _is_vendored(path: Path, directory: Path) -> bool:
    return path.relative_to(directory).parts[0] == VENDOR


def _read(path: Path, *, own: bool) -> Asset:
    content = path.read_bytes()
    if own and path.suffix in _SLIM:
        content = slim(content)
    etag = etag_of(content)
    if path.suffix in _COMPRESSIBLE:
        packed = gzip.compress(content, mtime=0)
        if len(packed) < len(content) * _MIN_GAIN:
            return Asset(_TYPES[path.suffix], packed, gzipped=True, etag=etag)
    return Asset(_TYPES[path.suffix], content, gzipped=False, etag=etag)
