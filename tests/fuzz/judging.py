"""What is wrong with an answer: by the document, by the roles' own table, and by what it holds."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import requests
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.cases import Case
from tests.integration.safety.needs import TABLE, may_use

_BY_DOCUMENT: Final = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
_TOLD: Final = 400  # characters of an example
# What is answered before any route is looked for, or by what the address turned out to be.
_BEFORE: Final = frozenset({404, 405, 414, 431})


@dataclass(slots=True)
class Judge:
    """Counts answers, and keeps one example of each thing that is wrong."""

    secrets: Mapping[str, str]
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)
    times: Counter[tuple[str, str]] = field(default_factory=Counter)

    def look(self, case: Case, role: str, answer: requests.Response, *, whole: bool) -> None:
        """`whole`: the body was read to its end, so that it can be compared with the document."""
        self.statuses[answer.status_code] += 1
        method, template = case.method, template_of(case)
        for what in (
            *_broken(case, answer),
            *_above(method, template, role, answer),
            *self._held(answer),
        ):
            self.add(f"{method} {template}", what, role, answer)
        if not whole or answer.status_code in _BEFORE | {401, 403}:
            return
        if template not in _routes_at(method, answer.request.url or ""):
            return  # our own client took ".." off, as all do: another operation answered
        try:
            case.validate_response(answer, checks=list(_BY_DOCUMENT))
        except FailureGroup as found:
            for failure in found.exceptions:
                told = f"{failure.title}: {failure.message}"
                self.add(f"{method} {template}", told, role, answer)

    def add(self, where: str, what: str, role: str, answer: requests.Response) -> None:
        key = where, what.partition("\n")[0] + what.partition("\n")[2][:120]
        self.times[key] += 1
        if key not in self.wrong:
            request = answer.request
            body = request.body if isinstance(request.body, bytes | str) else b""
            self.wrong[key] = (
                f"{where} as {role}: {what[:_TOLD]}\n    {request.method} {request.url} "
                f"{body[:_TOLD]!r}\n    {answer.status_code} {answer.content[:_TOLD]!r}"
            )

    def lines(self) -> list[str]:
        return [f"{self.times[key]} × {told}" for key, told in self.wrong.items()]

    def _held(self, answer: requests.Response) -> list[str]:
        """What must not be in any answer."""
        shown = answer.content.decode("utf-8", "replace") + str(answer.headers)
        found = [f"holds {name}" for name, secret in self.secrets.items() if secret in shown]
        if "x-injected" in answer.headers:
            found.append("has a header that the request made up")
        return found


def template_of(case: Case) -> str:
    """The route as the table of needs has it: without a slash at its end."""
    return case.path.rstrip("/") or "/"


def _broken(case: Case, answer: requests.Response) -> list[str]:
    status = answer.status_code
    documented = {str(code) for code in case.operation.responses.status_codes}
    if status == 500 or (status > 500 and str(status) not in documented):
        return [f"broke: {status}"]
    return []


def _above(method: str, template: str, role: str, answer: requests.Response) -> list[str]:
    """An answer that the role is not to have; the address may have led to another route."""
    status = answer.status_code
    asked: Any = "" if role == "nobody" else role
    routes = [template, *_routes_at(method, answer.request.url or "")]
    allowed = [
        may_use(TABLE[method, route], asked, camera="{camera_id}" in route)
        for route in routes
        if (method, route) in TABLE
    ]
    if not allowed:
        return ["has no row in tests/integration/safety/needs.py"]
    if any(allowed):
        return []
    refused = 401 if role == "nobody" else 403
    if status in _BEFORE | {refused} or (status == 400 and not answer.content):
        return []
    return [f"was not refused: {status}"]


def _routes_at(method: str, url: str) -> list[str]:
    """Routes of the table that an address may have come to."""
    path = unquote(urlsplit(url).path).rstrip("/") or "/"
    return [route for known, route in TABLE if known == method and _pattern(route).fullmatch(path)]


def _pattern(route: str) -> re.Pattern[str]:
    if route not in _PATTERNS:
        parts = ["[^/]*" if part.startswith("{") else re.escape(part) for part in route.split("/")]
        _PATTERNS[route] = re.compile("/".join(parts), re.DOTALL)
    return _PATTERNS[route]


_PATTERNS: dict[str, re.Pattern[str]] = {}
