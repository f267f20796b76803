"""The parts of a node: the pinned distributions, and the files of others in `static/vendor`."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CONSTRAINTS: Final = ROOT / "constraints.txt"
VENDORED: Final = ROOT / "static" / "vendor" / "VERSIONS"
_PIN: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s\\;]+)", re.MULTILINE
)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# What distributions write where the field `License-Expression` (PEP 639) is missing.
_SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_EXPRESSION: Final = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")


@dataclass(frozen=True, slots=True)
class Part:
    """`kind`: "pypi", or "npm" for a vendored file. `licence`: SPDX; empty: nobody says."""

    kind: str
    name: str
    version: str
    licence: str
    sha256: tuple[str, ...]


# `falconeye/accounts/common_passwords.txt.gz` is made of it, and is no file of it.
COMMON_PASSWORDS: Final = Part("npm", "@zxcvbn-ts/language-common", "4.1.3", "MIT", ())


def parts() -> list[Part]:
    """All of them, by kind and name; LookupError for a pinned one that is not installed."""
    return sorted(
        [*_pinned(), *_vendored(), COMMON_PASSWORDS], key=lambda part: (part.kind, part.name)
    )


def _pinned() -> list[Part]:
    text = CONSTRAINTS.read_text()
    found = list(_PIN.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [
        Part(
            "pypi",
            match["name"],
            match["version"],
            licence_of(_metadata(match["name"], match["version"])),
            tuple(sorted(_HASH.findall(text[match.end() : end]))),
        )
        for match, end in zip(found, ends, strict=True)
    ]


def _metadata(name: str, version: str) -> PackageMetadata:
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        msg = f"{name} is pinned and not installed"
        raise LookupError(msg) from None
    if installed.version != version:
        msg = f"{name} is pinned at {version}, and {installed.version} is installed"
        raise LookupError(msg)
    return installed.metadata


def licence_of(metadata: PackageMetadata) -> str:
    """The SPDX expression of a distribution: by PEP 639, else by what was usual before."""
    for expression in metadata.get_all("License-Expression") or ():
        return str(expression)
    (written,) = metadata.get_all("License") or ("",)
    first = str(written).strip().partition("\n")[0].strip()
    classifiers = [
        str(each).rpartition("::")[2].strip()
        for each in metadata.get_all("Classifier") or []
        if str(each).startswith("License")
    ]
    for words in (first, *classifiers):
        known = _SPDX.get(words, words)
        if _EXPRESSION.fullmatch(known):  # else it is the beginning of a licence's text
            return known
    return ""


def _vendored() -> list[Part]:
    lines = [line for line in VENDORED.read_text().splitlines() if line and line[0] != "#"]
    found: dict[tuple[str, str], Part] = {}
    for line in lines:
        _file, package, version, licence, _text, sha256 = (cell.strip() for cell in line.split("|"))
        name = package.partition(" ")[0]
        before = found.get((name, version))
        sums = (*(before.sha256 if before else ()), sha256)
        found[name, version] = Part("npm", name, version, licence, sums)
    return list(found.values())
