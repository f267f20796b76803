"""What the OpenAPI document says of every route: summary, role, and the errors it can answer."""

from http import HTTPStatus
from typing import Any

from litestar.openapi.datastructures import ResponseSpec
from pydantic import BaseModel

from falconeye.accounts.model import LOWEST_ROLE, Action
from falconeye.web.security.access import needs, public, signed_in

WORDS = {
    304: "You have it already (`If-None-Match`, `If-Modified-Since`)",
    400: "It makes no sense in the present state, or the body is not JSON",
    401: "Sign in, or send a token",
    403: "Your role, or the cameras your access is limited to, do not allow it",
    404: "There is no such thing",
    409: "It clashes with what is there",
    412: "It has changed meanwhile (`If-Match`, `If-Unmodified-Since`)",
    413: "It is larger than this address takes",
    416: "There is no such range of bytes",
    422: "What was given is wrong; `detail` says what",
    502: "The camera does not deliver",
    503: "It cannot be had now",
}


class ErrorAnswer(BaseModel):
    """Every error: words for a person, never a credential.

    `code` is there where a program can do something about it: `confirm_password`.
    """

    detail: str
    code: str | None = None


def documented(action: Action, summary: str, *statuses: int) -> dict[str, Any]:
    """Keywords of a route decorator: what the route needs, says, and can answer beside success."""
    return {
        "opt": needs(action),
        "summary": summary,
        "description": f"Role: {LOWEST_ROLE[action].value}. {summary}.",
        "responses": _responses(401, 403, *statuses),
    }


def documented_signed_in(summary: str, *statuses: int) -> dict[str, Any]:
    """As `documented`, for routes that every user and token may ask."""
    return {
        "opt": signed_in(),
        "summary": summary,
        "description": f"Role: viewer. {summary}.",
        "responses": _responses(401, 403, *statuses),
    }


def documented_open(summary: str, *statuses: int) -> dict[str, Any]:
    """As `documented`, for routes that everybody may ask."""
    return {
        "opt": public(),
        "summary": summary,
        "description": f"Open to everybody. {summary}.",
        "responses": _responses(*statuses),
    }


def _responses(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            data_container=None if status == 304 else ErrorAnswer,
            description=WORDS.get(status, HTTPStatus(status).phrase),
            generate_examples=False,
        )
        for status in statuses
    }
