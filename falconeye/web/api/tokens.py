"""Access for programs."""

from typing import Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from falconeye.accounts.model import Action
from falconeye.accounts.tokens import Token
from falconeye.base.errors import NotFound
from falconeye.web import people
from falconeye.web.api.documentation import documented
from falconeye.web.api.people_answers import (
    RemovedAnswer,
    RightsInput,
    TokenAnswer,
    TokenInput,
    TokenList,
    TokenMadeAnswer,
    token_values,
)
from falconeye.web.api.users import CONFIRMED
from falconeye.web.confirming import require_confirmed
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class TokenController(Controller):
    """`/api/tokens`."""

    path = "/api/tokens"
    tags = ("People",)

    @get("/", **documented(Action.MANAGE_TOKENS, "The tokens, without their secrets, by name"))
    async def list_tokens(self, request: Asking) -> TokenList:
        tokens = shell_of(request).services.accounts.tokens.list()
        rows = [TokenAnswer.of(token) for token in tokens]
        return TokenList(tokens=rows, total=len(rows))

    @post(
        "/",
        **documented(
            Action.MANAGE_TOKENS,
            f"Make a token; its secret is in this answer and nowhere else. {CONFIRMED}",
            409,
            422,
        ),
    )
    async def add_token(self, request: Asking, data: JSONBody[TokenInput]) -> TokenMadeAnswer:
        require_confirmed(request)
        plain, token = await people.add_token(request, data.name, data.rights(request))
        return TokenMadeAnswer(**token_values(token), token=plain)

    @get("/{token_id:str}", **documented(Action.MANAGE_TOKENS, "One token", 404))
    async def get_token(self, request: Asking, token_id: FromPath[str]) -> TokenAnswer:
        return TokenAnswer.of(_token(request, token_id))

    @patch(
        "/{token_id:str}",
        **documented(
            Action.MANAGE_TOKENS,
            f"Change role and limits; what it has open ends. {CONFIRMED}",
            404,
            422,
        ),
    )
    async def change_token(
        self, request: Asking, token_id: FromPath[str], data: JSONBody[RightsInput]
    ) -> TokenAnswer:
        require_confirmed(request)
        token = _token(request, token_id)
        changed = await people.change_token(request, token, data.rights(request, token))
        return TokenAnswer.of(changed)

    @delete(
        "/{token_id:str}",
        status_code=200,
        **documented(Action.MANAGE_TOKENS, f"End a token at once. {CONFIRMED}", 404),
    )
    async def remove_token(self, request: Asking, token_id: FromPath[str]) -> RemovedAnswer:
        require_confirmed(request)
        token = _token(request, token_id)
        await people.remove_token(request, token)
        return RemovedAnswer(id=token.id, name=token.name)


def _token(request: Asking, token_id: str) -> Token:
    for token in shell_of(request).services.accounts.tokens.list():
        if token.id == token_id:
            return token
    raise NotFound("there is no such token")
