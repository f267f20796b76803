"""What other nodes have to say on every page, as they told it last: a silent one says nothing."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from litestar.connection import ASGIConnection
from pydantic import TypeAdapter, ValidationError

from falconeye.federation.report import FoundReport, NoticeReport, Word
from falconeye.web.others import federation_or_none
from falconeye.web.security.peer import came_from_peer

log = logging.getLogger(__name__)
_NOTICES: Final = TypeAdapter(tuple[NoticeReport, ...])
_CERTIFICATE: Final[TypeAdapter[str]] = TypeAdapter(Word)
_FOUND: Final = TypeAdapter(tuple[FoundReport, ...])


def has_others(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether there are other nodes, heard or not."""
    federation = federation_or_none(connection.app)
    return federation is not None and len(federation.peers) > 0


def told_by_others(
    connection: ASGIConnection[Any, Any, Any, Any],
) -> Iterator[tuple[str, NoticeReport]]:
    """The name of each node that is heard, with each of its notices that last."""
    federation = None if came_from_peer(connection) else federation_or_none(connection.app)
    if federation is None:
        return
    for peer in federation.peers.heard():
        report = peer.beat.report if peer.beat is not None else {}
        try:
            notices = _NOTICES.validate_python(report.get("notices", ()), strict=False)
        except ValidationError as error:
            log.debug("the notices of %s cannot be read: %s", peer.name, error)
            continue
        for notice in notices:
            yield peer.name, notice


def certificates_of_others(
    connection: ASGIConnection[Any, Any, Any, Any],
) -> Iterator[tuple[str, str]]:
    """The name of each node that is heard, with what is wrong with its certificate."""
    federation = None if came_from_peer(connection) else federation_or_none(connection.app)
    for peer in () if federation is None else federation.peers.heard():
        told = (peer.beat.report if peer.beat is not None else {}).get("certificate", "")
        try:
            cause = _CERTIFICATE.validate_python(told)
        except ValidationError as error:
            log.debug("what %s says of its certificate cannot be read: %s", peer.name, error)
            continue
        if cause:
            yield peer.name, cause


def found_by_others(
    connection: ASGIConnection[Any, Any, Any, Any],
) -> Iterator[Sequence[FoundReport]]:
    """What each node that is heard has found; one of an older release tells nothing."""
    federation = federation_or_none(connection.app)
    for peer in () if federation is None else federation.peers.heard():
        report = peer.beat.report if peer.beat is not None else {}
        try:
            yield _FOUND.validate_python(report.get("found", ()), strict=False)
        except ValidationError as error:
            log.debug("what %s has found cannot be read: %s", peer.name, error)
