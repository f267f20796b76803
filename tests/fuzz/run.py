"""Cases of every operation by every role, round after round, until there were as many as wanted."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Err, Ok

from tests.fuzz.cases import Case, Operation, bad_words, bend, strategy_of
from tests.fuzz.fuzzed_node import NOBODY, FuzzedNode
from tests.fuzz.judging import Judge, template_of
from tests.integration.safety.needs import ROLES

EXAMPLES: Final = 6  # of an operation by a role, a round
ANSWER_S: Final = 30.0
MOST_BYTES: Final = 4 << 20
# They never end; the beginning is looked at.
ENDLESS: Final = frozenset({"/api/cameras/{camera_id}/stream", "/api/cameras/{camera_id}/live.mp4"})
TIDIED_EVERY: Final = 100


def _read(found: Ok[Operation] | Err[InvalidSchema]) -> Operation:
    """An operation of the document; InvalidSchema for what is none."""
    if isinstance(found, Err):
        raise found.err()
    return found.ok()


class Fuzzing:
    """One run against one node."""

    def __init__(self, node: FuzzedNode, canary: Path, cases: int, seed: int) -> None:
        self._node, self._wanted, self._seed = node, cases, seed
        self._words = bad_words(str(canary))
        told = {"what lies outside of its folder": canary.read_text(encoding="utf-8")}
        self.judge = Judge(node.secrets() | told)
        self._known: dict[str, list[str]] = {}
        self.count = 0

    def run(self, say: Callable[[str], None]) -> None:
        document = self._node.admin("GET", "/schema/openapi.json")
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
        operations = [_read(found) for found in schema.get_all_operations()]
        strategies = [strategy_of(one) for one in operations]
        say(f"{len(operations)} operations by {', '.join((NOBODY, *ROLES))}")
        self._tidy()
        started, turn = time.monotonic(), 0
        while self.count < self._wanted:
            turn += 1
            before = self.count
            for role in (*ROLES, NOBODY):
                for strategy in strategies:
                    if self.count >= self._wanted or not self._node.runs():
                        break
                    self._some(strategy, role, turn)
            if not self._node.runs():
                raise RuntimeError("the node has ended:\n" + self._node.log()[-3000:])
            assert self.count > before, "nothing is made up any more"
            say(f"{self.count} cases in {time.monotonic() - started:.0f} s")

    def _some(self, strategy: Any, role: str, turn: int) -> None:
        """A few cases; each turn other ones, the same for the same seed."""

        @hypothesis.seed(hash((self._seed, turn, ROLES.index(role) if role in ROLES else -1)))
        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(strategy)
        def some(drawn: tuple[Case, int]) -> None:
            case, number = drawn
            bend(case, number, self._known, self._words)
            self._ask(case, role)

        with suppress(hypothesis.errors.Unsatisfiable):  # nothing that fits in so few tries
            some()

    def _ask(self, case: Case, role: str) -> None:
        self.count += 1
        sent = case.as_transport_kwargs(self._node.url, self._node.headers(role))
        try:
            answer, whole = self._answer(sent, endless=template_of(case) in ENDLESS)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
            return  # our own client cannot send it
        except requests.exceptions.RequestException as error:
            self.judge.wrong[case.method, case.path] = f"{sent}: was not answered: {error}"
            return
        self.judge.look(case, role, answer, whole=whole)
        if self.count % TIDIED_EVERY == 0:
            self._tidy()

    def _answer(self, sent: dict[str, Any], *, endless: bool) -> tuple[requests.Response, bool]:
        """The answer, and whether that is all of it."""
        options = {"stream": True, "allow_redirects": False, "timeout": ANSWER_S}
        with self._node.session.request(**(sent | options)) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                # Reached by a made-up path such as `../../events`: notices until someone goes.
                answer._content = b""
                return answer, False
            if endless and answer.status_code == 200:
                first: bytes = next(answer.iter_content(1024), b"")
                answer._content = first
                return answer, False
            return answer, len(answer.content) < MOST_BYTES

    def _tidy(self) -> None:
        self._node.tidy()
        self._known = self._node.known()
