"""Small routes that do what handlers do: answer, stream, take bodies, break, hold a WebSocket."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

from litestar import Request, WebSocket, get, post, websocket
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, Field

from falconeye.accounts.model import Action, Principal
from falconeye.base.errors import Conflict, InvalidInput, TooManyAttempts, Unavailable
from falconeye.web.open_streams import open_connection
from falconeye.web.security.access import needs, public, signed_in
from falconeye.web.services import Services


class Thing(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=20)]
    size: Annotated[int, Field(ge=1, le=9)] = 1


@get("/api/test/who", opt=signed_in())
async def who(
    principal: NamedDependency[Principal], services: NamedDependency[Services]
) -> dict[str, str]:
    return {"name": principal.name, "node": services.node_name}


@post("/api/test/things", opt=needs(Action.CONTROL), status_code=200)
async def things(data: JSONBody[Thing]) -> dict[str, Any]:
    return data.model_dump()


@post(
    ["/api/test/larger", "/test/larger"],
    opt=needs(Action.CONTROL),
    status_code=200,
    request_max_body_size=3 << 20,
)
async def larger(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@post("/test/form", opt=needs(Action.CONTROL), status_code=200)
async def form(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"word": str((await request.form()).get("word"))}


@get("/api/test/cameras/{camera_id:str}", opt=needs(Action.VIEW_LIVE))
async def camera(camera_id: FromPath[str]) -> dict[str, str]:
    return {"id": camera_id}


@get("/api/test/number", opt=public())
async def number(value: FromQuery[int]) -> dict[str, int]:
    return {"value": value}


@get("/api/test/big", opt=public())
async def big() -> dict[str, str]:
    return {"text": "falcon " * 20_000}


@get(["/api/test/fail/{how:str}", "/test/fail/{how:str}"], opt=public())
async def fail(how: FromPath[str]) -> None:
    match how:
        case "input":
            raise InvalidInput("the name is too long", field="name")
        case "conflict":
            raise Conflict("it is there already")
        case "wait":
            raise TooManyAttempts("wait a little", retry_after_s=6.2)
        case "off":
            raise Unavailable("rtsp://admin:hunter2@10.0.0.9/ is off")
        case _:
            msg = "rtsp://admin:hunter2@10.0.0.9/ broke"
            raise RuntimeError(msg)


@get("/api/test/endless", opt=needs(Action.VIEW_LIVE))
async def endless() -> Stream:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield b"first"
        await asyncio.Event().wait()

    return Stream(chunks(), media_type="video/mp4")


@websocket("/api/test/socket", opt=needs(Action.VIEW_LIVE))
async def socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    connection = open_connection(socket)

    async def echo() -> None:
        while True:
            text = await socket.receive_text()
            if text == "break":
                raise RuntimeError("broken on purpose")
            await socket.send_text(text)

    await connection.run(echo())
    if connection.reason is not None:
        await socket.send_json({"type": "closing", "reason": connection.reason})
        await socket.close(code=connection.reason.websocket_code)


@websocket("/api/test/silent-socket", opt=needs(Action.VIEW_LIVE))
async def silent_socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.receive_text()


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    who, things, larger, form, camera, number, big, fail, endless, socket, silent_socket,
)  # fmt: skip
