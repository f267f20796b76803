"""What import-linter does not see: sizes, docstrings, and modules that only import after others."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "falconeye").rglob("*.py"))
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 80


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    """Of all modules, by their path; only read."""
    return tuple(
        (path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES
    )


def test_there_are_modules() -> None:
    assert len(MODULES) > 40


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {str(path): n for path, n in lengths.items() if n > MAX_MODULE_LINES}


def test_no_function_is_longer_than_80_lines() -> None:
    long = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    long.append(f"{path}:{node.lineno} {node.name} ({length} lines)")
    assert not long


def test_only_task_sets_and_task_groups_make_tasks() -> None:
    """Any other task may be collected while it runs, or fail without a word."""
    made = [
        f"{path}:{node.lineno}"
        for path, tree in trees()
        if path != Path("falconeye/base/tasks.py")
        for node in _makers_of_tasks(tree)
    ]
    assert not made


def _makers_of_tasks(tree: ast.Module) -> Iterator[ast.Attribute]:
    groups = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if ast.unparse(item.context_expr) == "asyncio.TaskGroup()"
        and isinstance(item.optional_vars, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in {"create_task", "ensure_future"}:
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in groups):
            yield node


def test_every_module_opens_with_a_docstring() -> None:
    assert not [str(path) for path, tree in trees() if not ast.get_docstring(tree)]


def test_no_module_is_called_by_what_it_is_not() -> None:
    banned = {"utils", "util", "manager", "helper", "helpers", "misc", "common"}
    words = {path: set(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
    assert not [str(path) for path, names in words.items() if names & banned]


@pytest.mark.timeout(120)
def test_every_module_imports_alone() -> None:
    program = [sys.executable, "-m", "tests.imports_alone"]
    result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("", 0), result.stderr
    assert int(result.stderr.split()[0]) > 100


@pytest.mark.timeout(60)
def test_imports_go_down_the_list() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
