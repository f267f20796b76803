"""What a peer asks by POST: one JSON object, of a shape that bounds it."""

import json
from typing import Annotated, Any, TypeVar

from litestar import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput

Question = TypeVar("Question", bound=BaseModel)


class OfTime(BaseModel):
    """A camera's time, [from, to)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)]
    from_us: int
    to_us: int


async def question_of(request: Request[Any, Any, Any], kind: type[Question]) -> Question:
    """InvalidInput for what is no question of this kind."""
    try:
        return kind.model_validate(await request.json())
    except (ValidationError, json.JSONDecodeError) as error:
        msg = "this is no question that a node asks here"
        raise InvalidInput(msg) from error
