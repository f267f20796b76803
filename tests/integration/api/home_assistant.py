"""Home Assistant's side, as its source has it: what it asks, and what it makes of the answers.

Its generic camera gets stills by httpx with Basic, ten seconds at most, and plays streams by PyAV,
with name and password put into the address; its stream worker puts the packets as they come into
MP4 fragments. Its REST platforms send the headers of the configuration, and read the answer by
Jinja templates in a sandbox.
"""

import io
import json
from typing import Any, Final
from urllib.parse import quote, urlsplit

import av
import httpx
import yaml  # type: ignore[import-untyped]
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.nodes import NO_TLS

_GET_IMAGE_S: Final = 10
_SOURCE_S: Final = 30.0
_REST_S: Final = 10
_AGENT: Final = "HomeAssistant/2026.11.2 aiohttp/3.13.2 Python/3.13"
_JINJA: Final = ImmutableSandboxedEnvironment()
_TRUE: Final = frozenset({"true", "on", "open", "yes", "1"})


def configuration(text: str, secrets: str) -> dict[str, Any]:
    """`configuration.yaml` with its `!secret` replaced out of `secrets.yaml`."""
    known = yaml.safe_load(secrets)

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.add_constructor("!secret", lambda _loader, node: known[node.value])
    loaded: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506 - a safe loader with one more tag
    return loaded


async def still(url: str, user: str, password: str) -> bytes:
    """What the generic camera shows; raises as it would log an error."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        answer = await client.get(
            url, auth=httpx.BasicAuth(user, password), timeout=_GET_IMAGE_S, follow_redirects=True
        )
        answer.raise_for_status()
        assert answer.headers["content-type"] == "image/jpeg"
        return answer.content


def stream_source(url: str, user: str, password: str) -> str:
    """The address with the login in it, each part escaped."""
    parts = urlsplit(url)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()


def play(source: str, pictures: int) -> bytes:
    """So many pictures of a stream, remuxed as its stream worker does. Blocks: for a thread."""
    written = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+frag_discont+negative_cts_offsets"}
    with (
        av.open(source, options={}, timeout=_SOURCE_S) as container,
        av.open(written, mode="w", format="mp4", container_options=options) as output,
    ):
        stream = container.streams.video[0]
        assert stream.codec_context.name in {"h264", "hevc"}
        copied = output.add_stream_from_template(stream)
        last_dts, count = None, 0
        for packet in container.demux(stream):
            assert packet.dts is not None
            assert last_dts is None or packet.dts > last_dts
            if count == 0:
                assert packet.is_keyframe
            last_dts, count = packet.dts, count + 1
            packet.stream = copied
            output.mux(packet)
            if count == pictures:
                break
    return written.getvalue()


async def rest_text(wanted: dict[str, Any]) -> str:
    """What a `rest:` resource answers."""
    async with _client() as client:
        answer = await client.request(
            wanted.get("method", "GET"), wanted["resource"], headers=wanted["headers"]
        )
        assert answer.status_code == 200, answer.text
        return answer.text


def value_of(template: str, text: str) -> str:
    """A `value_template` of an answer."""
    return _JINJA.from_string(template).render(value=text, value_json=json.loads(text)).strip()


def binary(template: str, text: str) -> bool:
    """A binary sensor: words that are true, all else is not."""
    return value_of(template, text).lower() in _TRUE


def attributes(names: list[str], text: str) -> dict[str, Any]:
    """`json_attributes` of an answer; one that is missing is left out."""
    answer = json.loads(text)
    return {name: answer[name] for name in names if name in answer}


async def switch_state(switch: dict[str, Any]) -> bool | None:
    """A REST switch: None where the template says neither true nor false."""
    async with _client() as client:
        answer = await client.get(switch["state_resource"], headers=switch["headers"])
    said = value_of(switch["is_on_template"], answer.text).lower()
    return {"true": True, "false": False}.get(said)


async def turn(switch: dict[str, Any], *, on: bool) -> int:
    """Switch it; the status, which must be 200."""
    body = _JINJA.from_string(switch["body_on" if on else "body_off"]).render()
    async with _client() as client:
        answer = await client.request(
            switch["method"].upper(), switch["resource"], content=body.encode(),
            headers=switch["headers"],
        )  # fmt: skip
    return answer.status_code


async def command(wanted: dict[str, Any]) -> int:
    """A `rest_command`; its status."""
    body = _JINJA.from_string(wanted["payload"]).render()
    headers = {**wanted["headers"], "content-type": wanted["content_type"]}
    async with _client() as client:
        answer = await client.request(
            wanted["method"].upper(), wanted["url"], content=body.encode(), headers=headers
        )
    return answer.status_code


def _client() -> httpx.AsyncClient:
    headers = {"user-agent": _AGENT, "accept": "*/*", "accept-encoding": "gzip, deflate, br"}
    return httpx.AsyncClient(headers=headers, timeout=_REST_S, trust_env=False, verify=NO_TLS)
