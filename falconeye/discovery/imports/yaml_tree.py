"""YAML as words, lists and tables, each word with its line; hostile files are refused.

Nothing is made of the words: no numbers, dates or objects. A password that consists of digits
stays as it was written, and what nobody asks for costs nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from falconeye.base.errors import InvalidInput

MAX_NODES = 50_000  # with what aliases stand for
MAX_DEPTH = 40
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {
    _STANDARD + name
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
}


class Word(str):
    """A scalar or key, as written."""

    __slots__ = ("line",)
    line: int  # from 1

    @classmethod
    def at(cls, text: str, line: int) -> "Word":
        word = cls(text)
        word.line = line
        return word


Table: TypeAlias = "dict[Word, Tree]"
Tree: TypeAlias = "Word | Table | list[Tree] | None"


@dataclass(slots=True)
class YamlFile:
    """What the file holds, and the keys that stand in it twice."""

    root: Tree = None
    repeated: list[Word] = field(default_factory=list)  # the last one counts


def read_yaml(text: str) -> YamlFile:
    """The one document of `text`; InvalidInput names the line and repeats nothing of the file."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - needed for few files

    # libyaml where it was built: a hundred times as fast. Both make nodes only, never objects.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_size(yaml, yaml.parse(text, Loader=loader))
        node = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise _in_words(error) from None  # what it quotes may be a password
    made = YamlFile()
    if node is not None:
        made.root = _tree(node, made.repeated)
    return made


@dataclass(slots=True)
class _Open:
    """A list or table whose end has not come: how much is in it, and how deep that goes."""

    anchor: str | None
    nodes: int = 1
    height: int = 1


def _check_size(yaml: Any, events: Iterable[Any]) -> None:
    """Refuse, before anything is made of it, what is too much once aliases are followed.

    Each anchor's size is known when it ends, so ten lines that stand for a billion nodes are
    counted in ten steps.
    """
    anchors: dict[str, tuple[int, int]] = {}
    opened: list[_Open] = []
    total = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(_Open(event.anchor))
            _refuse_beyond(total, len(opened), event)
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            ended = opened.pop()
            anchor, size = ended.anchor, (ended.nodes, ended.height)
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, (1, 0)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise InvalidInput(f"line {_line(event)}: an alias without its anchor before it")
            anchor, size = None, anchors[event.anchor]
        else:
            continue
        if anchor is not None:
            anchors[anchor] = size
        if opened:
            opened[-1].nodes += size[0]
            opened[-1].height = max(opened[-1].height, size[1] + 1)
        total = opened[0].nodes if opened else size[0]
        _refuse_beyond(max(total, size[0]), len(opened) + size[1], event)
        if any(each.nodes > MAX_NODES for each in opened):
            _refuse_beyond(MAX_NODES + 1, 0, event)


def _refuse_beyond(nodes: int, depth: int, event: Any) -> None:
    if nodes > MAX_NODES:
        raise InvalidInput(f"line {_line(event)}: the YAML holds more than {MAX_NODES} words")
    if depth > MAX_DEPTH:
        raise InvalidInput(f"line {_line(event)}: the YAML is nested deeper than {MAX_DEPTH}")


def _tree(node: Any, repeated: list[Word]) -> Tree:
    line = _line(node)
    if node.tag not in _TAGS:
        raise InvalidInput(f"line {line}: a YAML tag that is not known here")
    if node.id == "scalar":
        return None if node.tag == _STANDARD + "null" else Word.at(node.value, line)
    if node.id == "sequence":
        return [_tree(each, repeated) for each in node.value]
    own: Table = {}
    merged: Table = {}
    for key, value in node.value:
        if key.tag == _STANDARD + "merge":
            for table in _merged(value, repeated):
                merged = {**table, **merged}  # the first that has a key counts
            continue
        if key.id != "scalar":
            raise InvalidInput(f"line {_line(key)}: a key must be a word")
        word = Word.at(key.value, _line(key))
        if word in own:
            repeated.append(word)
        own[word] = _tree(value, repeated)
    return {**merged, **own}


def _merged(node: Any, repeated: list[Word]) -> Iterator[Table]:
    """The tables that "<<" brings in (YAML 1.1, merge key)."""
    value = _tree(node, repeated)
    for table in value if isinstance(value, list) else [value]:
        if not isinstance(table, dict):
            raise InvalidInput(f"line {_line(node)}: << takes a table, or a list of them")
        yield table


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _in_words(error: Any) -> InvalidInput:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return InvalidInput("this is not valid YAML: it holds characters that it may not")
    # Their words end with what they found, in quotes: an unquoted password may be an alias.
    problem = (error.problem or "it cannot be read").split("'")[0].split('"')[0].strip()
    return InvalidInput(f"this is not valid YAML: line {mark.line + 1}: {problem}")
