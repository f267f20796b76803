"""The errors that every route of some shape can answer, in the OpenAPI document.

Litestar says of all routes with parameters that they answer 400, in a form that is not ours. Here
what cannot be read at all is 400, what was read and is wrong 422, and what is too long 413.
"""

import copy
from http import HTTPStatus
from typing import Any, Final

from falconeye.web.api.documentation import WORDS

_LITESTARS: Final = HTTPStatus(400).description
_OUR_SHAPE: Final = "401"  # of an answer that every route with a role has


def add_errors(operation: dict[str, Any]) -> None:
    """Exchange Litestar's 400 in one operation of the document for what it really answers."""
    answers: dict[str, Any] = operation.get("responses", {})
    content = answers.get(_OUR_SHAPE, {}).get("content")
    if answers.get("400", {}).get("description") == _LITESTARS:
        del answers["400"]
    if operation.get("parameters"):
        _add(answers, 422, content)
    if operation.get("requestBody"):
        for status in (400, 413, 422):
            _add(answers, status, content)


def _add(answers: dict[str, Any], status: int, content: object) -> None:
    if str(status) not in answers and content is not None:
        answers[str(status)] = {"description": WORDS[status], "content": copy.deepcopy(content)}
