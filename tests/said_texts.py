"""Babel extraction methods: the sentences that are made below the web layer, or raised in it.

What goes wrong is said where it happens, by f-strings and in English, for the log, the API and the
command line too; no gettext can be called there. So these are found by their shape: each text of
two words or more which is neither for the log, nor for a program, nor for who writes the code. That
more is found than pages show costs a translation; what was left out would be English on a German
page for ever. An f-string becomes a template with {0} {1} for its values. All have the context
"said", by which `falconeye/web/said.py` finds them. `falconeye/locale/babel.cfg` names the files.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice, product
from typing import IO, Any, Final

from babel.messages.extract import extract_python

CONTEXT: Final = "said"
Found = tuple[int, str, tuple[str, ...] | str, list[str]]

MAX_VARIANTS: Final = 12  # of one text: each `a if … else b` in it doubles them
_WORDS: Final = re.compile(r"(?<![\w{/.=-])[A-Za-z]?[a-z]+(?:'[a-z]+)?(?![\w}/=])")
_NOT_WORDS: Final = re.compile(
    r"\n|[<>\\]|\w=\S|^\W*[\w-]+/|%[sd(]|\[\w-\w|^\w+:\w|^[\w.,/@*_ -]*[\w*],\w+,"
    r"|\b(?:WHERE|FROM|AND|ON|SELECT|PRAGMA|WHEN) |^# |sqlite|^dict\[|^Word \||@web_hook"
    r"|^width height|^[\w.]+, [\w]+\.\w+$|b-2\.xsd"
)
# For the log, for programs, or compared with: none of it is read on a page.
_NOT_SAID: Final = frozenset({
    "AssertionError", "CheckConstraint", "Column", "Field", "Index", "KeyError", "Literal",
    "NameAttribute", "NotImplementedError", "RepeatingLog", "RuntimeError", "StartError", "TaskSet",
    "Thread", "ThreadPoolExecutor", "TypeError", "TypeVar", "UniqueConstraint", "add_task",
    "compile", "create_subprocess_exec", "critical", "debug", "encode", "endswith", "error",
    "exception", "exec_driver_sql", "execute", "frozenset", "get", "getLogger", "getpwnam", "info",
    "log", "lstrip", "match", "open", "partition", "print", "record", "removeprefix",
    "removesuffix", "replace", "rpartition", "rsplit", "rstrip", "run", "sd_notify", "search",
    "set_name", "split", "start", "startswith", "strftime", "strip", "strptime", "sub", "text",
    "warn", "warning", "write", "write_text",
})  # fmt: skip


def below_web(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001 - Babel passes all four
    comment_tags: Collection[str],  # noqa: ARG001
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Found]:
    """All that a module says; of messages with (context, text) as `pgettext` has them."""
    yield from _found(ast.parse(file.read()), raised_only=False)


def of_web(
    file: IO[bytes],
    keywords: Collection[str],
    comment_tags: Collection[str],
    options: Mapping[str, Any],
) -> Iterator[Found]:
    """What goes through gettext, and what is raised without: it is for the API, too.

    With the option `all` whatever the module says, as of those below the web.
    """
    yield from extract_python(file, keywords, comment_tags, options)  # type: ignore[arg-type, misc]
    file.seek(0)
    yield from raised_in_web(file, keywords, comment_tags, options)


def raised_in_web(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001
    comment_tags: Collection[str],  # noqa: ARG001
    options: Mapping[str, Any],
) -> Iterator[Found]:
    """Of `of_web` what goes through no gettext."""
    yield from _found(ast.parse(file.read()), raised_only="all" not in options)


def _found(tree: ast.Module, *, raised_only: bool) -> Iterator[Found]:
    finder = _Finder(raised_only=raised_only)
    finder.visit(tree)
    for line, text in finder.found:
        yield line, "pgettext", (CONTEXT, text), []


class _Finder(ast.NodeVisitor):
    """Goes down to each text that may be said; where none can be, it does not go."""

    def __init__(self, *, raised_only: bool) -> None:
        self.found: list[tuple[int, str]] = []
        self._raised_only = raised_only
        self._raised = False
        self._unsaid: frozenset[str] = frozenset()

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # that is a docstring
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Names that only an error beyond pages takes (`msg = …; raise StartError(msg)`)."""
        outer, self._unsaid = self._unsaid, _unsaid_names(node)
        for part in (*node.args.defaults, *node.body):
            self.visit(part)
        self._unsaid = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as `ast` names it

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            self.visit(part)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if names & self._unsaid or names & {"__slots__", "__all__"}:
            return
        outer, self._raised = self._raised, self._raised or "msg" in names
        self.visit(node.value)
        self._raised = outer

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        outer, self._raised = self._raised, True
        if node.exc is not None:
            self.visit(node.exc)
        self._raised = outer

    def visit_Compare(self, node: ast.Compare) -> None:
        """What is compared with is not said."""

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        for value in node.values:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if name == "counted" and len(node.args) > 1:
            self._take_counted(node)
        if name == "Finding":  # of the doctor: what it is about is one word, often
            self.found += [
                (node.lineno, text)
                for part in node.args[1:4]
                for text in templates(part)
                if re.search(r"[a-z]{2}", text)
            ]
        if name in {"_", "gettext", "ngettext", "pgettext"} or name in _NOT_SAID:
            if isinstance(node.func, ast.Attribute) and name in {"replace", "removeprefix", "get"}:
                self.visit(node.func.value)
                for part in node.args[1:] if name == "get" else ():
                    self.visit(part)
            return
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self._take(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._take(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._take(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _take(self, node: ast.expr) -> None:
        if self._raised_only and not self._raised:
            return
        found = False
        for text in islice(templates(node), MAX_VARIANTS):
            if is_said(text):
                self.found.append((node.lineno, text))
                found = True
        if isinstance(node, ast.BinOp) and not found:
            self.generic_visit(node)

    def _take_counted(self, node: ast.Call) -> None:
        one, *many = (text for part in node.args[1:] for text in templates(part))
        self.found += [(node.lineno, f"{{0}} {text}") for text in (one, *(many or [f"{one}s"]))]


def is_said(text: str) -> bool:
    """Whether that is words for a person, rather than for a program."""
    return len(_WORDS.findall(text)) >= 2 and not _NOT_WORDS.search(text)


def templates(node: ast.expr) -> Iterator[str]:
    """What an expression says, with {0} {1} for its values; each of `a if … else b` by itself."""
    for parts in product(*_parts(node)):
        text, number = "", 0
        for part in parts:
            if part is None:
                text, number = f"{text}{{{number}}}", number + 1
            else:
                text += part
        yield text


def _parts(node: ast.expr) -> list[tuple[str | None, ...]]:
    """The pieces of a text, each with its alternatives; None is a value."""
    match node:
        case ast.Constant(value=str(text)):
            return [(text,)]
        case ast.JoinedStr(values=values):
            return [part for value in values for part in _parts(value)]
        case ast.FormattedValue(value=value, format_spec=None):
            return _parts(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_parts(left), *_parts(right)]
        case ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other))):
            return [(one, other)]
    return [(None,)]


def _unsaid_names(node: ast.AST) -> frozenset[str]:
    raised: dict[str, set[str]] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Name):
            raised.setdefault(one.args[0].id, set()).add(_name(one.func))
    return frozenset(name for name, calls in raised.items() if name == "msg" and calls <= _NOT_SAID)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
