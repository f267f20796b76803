"""Imports each module of FalconEye where nothing is loaded but what it imports itself.

A program of its own, `python -m tests.imports_alone`: prints a line for each module that fails.
The libraries are loaded once, before. A module is imported in a process that has imported just
what the module itself imports, and of that nothing that imports the module: what is loaded there
would be loaded anyway, and each of it has a turn of its own. Processes are forked, so that what
many modules import is loaded once for all of them. `make check` tries the third of the modules that
was changed last: cycles, from which nearly all failures come, are a contract of their own.
"""

import ast
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.examples import examples

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


@dataclass(eq=False)
class Step:
    """A process imports a module (the first one none), and goes on as each of `after`."""

    name: str
    loaded: frozenset[str]  # after it
    after: list["Step"] = field(default_factory=list)

    def then(self, name: str, closure_of_it: set[str]) -> "Step":
        self.after.append(Step(name, self.loaded | closure_of_it))
        return self.after[-1]


def tried(paths: Mapping[str, Path]) -> list[str]:
    """Which of them this run tries, see `examples`."""
    newest = sorted(paths, key=lambda name: (-paths[name].stat().st_mtime_ns, name))
    return newest[: examples(len(newest))]


def steps(graph: Mapping[str, set[str]], names: Iterable[str]) -> Step:
    """The first one; each of the modules is the last of the steps that lead to one of them."""
    closures = {name: closure(name, graph) for name in graph}
    first = Step("", frozenset())
    known = [first]
    for name in sorted(names, key=lambda name: (len(closures[name]), name)):
        # Not what imports this one: it would be loaded, or begun, already.
        before = {other for other in closures[name] if name not in closures[other]}
        step = max((one for one in known if one.loaded <= before), key=lambda one: len(one.loaded))
        while rest := before - step.loaded:
            loaded = step.loaded
            most = max(rest, key=lambda other: (len(closures[other] - loaded), other))
            step = step.then(most, closures[most])
            known.append(step)
        known.append(step.then(name, closures[name]))
    return first


def go_on(step: Step) -> None:
    """All that comes after a step: the last in this process, the others in children of it."""
    while step.after:
        *others, last = step.after
        for other in others:
            child = os.fork()
            if child == 0:
                if _imports_well(other.name):
                    go_on(other)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if status:
                _say(f"{other.name}: its process ended with {status}")
        if not _imports_well(last.name):
            return
        step = last


def _imports_well(name: str) -> bool:
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - told, whatever it is
        _say(f"{name}: {error!r}")
        return False
    return True


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # a child would write it again


def main() -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    if threading.active_count() > 1:
        _say("a library started a thread, which a child would not have")
    paths = modules()
    names = tried(paths)
    first = steps(imported(paths), names)
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, all that the libraries made
    go_on(first)
    sys.stderr.write(f"{len(names)} modules\n")


if __name__ == "__main__":
    main()
