"""Where a found camera may have its pictures: what it announces, what its make usually has."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from falconeye.base.redact import holds_hidden
from falconeye.config.camera import Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.discovery.makes import stream_urls
from falconeye.discovery.ws_answers import DEFAULT_PATH


def onvif_url(candidate: Candidate) -> str | None:
    """Of its device service, where it was seen last."""
    for evidence in candidate.evidence:
        url = evidence.url
        if url is None or evidence.address != candidate.address or not evidence.usable:
            continue
        scheme, path = urlsplit(url).scheme, urlsplit(url).path
        is_service = evidence.way is Way.ONVIF or path == DEFAULT_PATH
        if scheme == "onvif" or (is_service and scheme in ("http", "https")):
            return url
    return None


def streams(candidate: Candidate) -> Iterator[tuple[Protocol, str, str | None]]:
    """Addresses to try: those with a path as they are, then the usual ones of its make."""
    ports: list[int | None] = []
    bare: list[str] = []
    for evidence in candidate.evidence:
        url, here = evidence.url, evidence.address in (candidate.address, None)
        if url is None or not evidence.usable or not here or holds_hidden(url):
            continue
        parts = urlsplit(url)
        if parts.scheme in ("rtsp", "rtsps"):
            ports.append(parts.port)
            if parts.path in ("", "/") and not parts.query:
                bare.append(url)
            else:
                yield Protocol.RTSP, url, None
        elif parts.scheme in ("http", "https") and url != onvif_url(candidate):
            yield Protocol.HTTP, url, None
    if candidate.address is not None:
        for port in dict.fromkeys(ports or [None]):
            if urls := stream_urls(candidate.make, candidate.address, port):
                yield Protocol.RTSP, *urls
    for url in dict.fromkeys(bare):
        yield Protocol.RTSP, url, None
