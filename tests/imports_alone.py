"""Imports each module of FalconEye where nothing is loaded but what it imports itself.

A program of its own, `python -m tests.imports_alone`: prints a line for each module that fails.
The libraries are loaded once, before. A module that imports another is imported in a child of the
process that has just imported that one, and nothing else: what is loaded there would be loaded
anyway. Where two import one another, neither is loaded before the other's turn.
"""

import ast
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = (
    "aiosqlite", "alembic.command", "apprise", "argon2", "av", "httpx", "jinja2", "litestar",
    "prometheus_client", "pydantic", "cryptography.hazmat.primitives.ciphers.aead",
    "litestar.openapi", "litestar.plugins.pydantic", "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.ext.asyncio", "sqlmodel", "uvicorn", "websockets",
)  # fmt: skip


def modules() -> dict[str, Path]:
    """All modules by name, without the migrations, which only alembic loads."""
    return {
        _name(path): path
        for path in sorted((ROOT / "falconeye").rglob("*.py"))
        if "migrations" not in path.parts
    }


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(paths: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the others when it is imported, packages above it among them."""
    return {
        name: {
            found
            for other in [*_packages(name), *_imports(ast.parse(path.read_text("utf-8")).body)]
            for found in [*_packages(other), other]
            if found in paths and found != name
        }
        for name, path in paths.items()
    }


def _packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count])


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    """Of the statements that surely run; what only may be loaded is not counted on."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def closure(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    """The module and all that it imports."""
    found, waiting = {name}, [name]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def tree(graph: Mapping[str, set[str]]) -> dict[str | None, list[str]]:
    """By module (None: nothing is loaded), those to be imported once it is loaded."""
    closures = {name: closure(name, graph) for name in graph}
    children: dict[str | None, list[str]] = {}
    for name, needs in graph.items():
        # Not after a module that imports this one: it would be loaded, or begun, already.
        free = [other for other in needs if name not in closures[other]]
        parent = max(free, key=lambda other: (len(closures[other]), other), default=None)
        children.setdefault(parent, []).append(name)
    return children


def import_below(loaded: str | None, children: Mapping[str | None, list[str]]) -> None:
    for name in children.get(loaded, []):
        child = os.fork()
        if child == 0:
            _import_one(name, children)
        _, status = os.waitpid(child, 0)
        if status:
            _say(f"{name}: its process ended with {status}")


def _import_one(name: str, children: Mapping[str | None, list[str]]) -> None:
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - told, whatever it is
        _say(f"{name}: {error!r}")
    else:
        import_below(name, children)
    os._exit(0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # a child would write it again


def main() -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    if threading.active_count() > 1:
        _say("a library started a thread, which a child would not have")
    children = tree(imported(modules()))
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, all that the libraries made
    reached = sum(map(len, children.values()))
    import_below(None, children)
    sys.stderr.write(f"{reached} modules\n")


if __name__ == "__main__":
    main()
