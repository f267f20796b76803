"""The pages' templates, compiled once a process: each application of a test compiled all of them.

Jinja's own cache: a template is taken from it by its name and the hash of its source.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import jinja2
import pytest
from jinja2.bccache import Bucket
from typing_extensions import override


class _Compiled(jinja2.BytecodeCache):
    """In memory; code is never changed."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(kept)

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


@contextmanager
def compiled_once() -> Iterator[None]:
    """An application that is made within takes its templates from those made before."""
    real = jinja2.Environment.__init__

    def init(self: jinja2.Environment, **options: Any) -> None:
        real(self, bytecode_cache=_COMPILED, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "__init__", init)
        yield
