"""What a node that wants to join and a member say to one another (`/peer/join`)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.federation.beat import MAX_DATA_KEYS
from falconeye.federation.join_code import split_address

_Word = Annotated[str, Field(min_length=1, max_length=64)]
_Text = Annotated[str, Field(max_length=300)]
MAX_JOIN_BYTES = 1_000_000


def _address(text: str) -> str:
    split_address(text)
    return text


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OwnCamera(_Said):
    """A camera of the node that wants to join.

    `key` is `config.addresses.address_key`; None where no other node can have that camera.
    """

    name: _Text
    key: _Text | None = None


class JoinRequest(_Said):
    """Sent to look (nothing changes) and to join, by whoever has a code."""

    secret: Annotated[str, Field(max_length=64, repr=False)]  # base64 of the code's
    node_id: _Word
    name: _Word
    version: _Word
    certificate: Annotated[str, Field(max_length=4096)]  # PEM
    addresses: Annotated[
        list[Annotated[str, Field(max_length=260), AfterValidator(_address)]], Field(max_length=8)
    ] = []
    cameras: Annotated[list[OwnCamera], Field(max_length=2000)] = []

    @property
    def secret_bytes(self) -> bytes:
        """InvalidInput for what is no base64."""
        try:
            return base64.b64decode(self.secret, validate=True)
        except binascii.Error as error:
            msg = "the join code's secret is no base64"
            raise InvalidInput(msg, field="secret") from error


class MemberSeen(_Said):
    """A member as the one who joins is told of it."""

    node_id: _Word
    name: _Word
    version: _Text = ""


class Clash(_Said):
    """Two cameras with one address: both are kept and marked."""

    yours: _Text
    theirs: _Text


class JoinPlan(_Said):
    """What joining will do."""

    members: list[MemberSeen]
    name: _Word  # what the node will be called: another may have its name already
    users: Annotated[int, Field(ge=0)]
    cameras: Annotated[int, Field(ge=0)]
    clashes: list[Clash] = []


class JoinAnswer(_Said):
    """The cluster's keys and what it has configured; the node is a member now."""

    name: _Word
    data_keys: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_DATA_KEYS)
    ]
    changes: list[dict[str, Any]]


_Said_T = TypeVar("_Said_T", bound=_Said)


def parse(kind: type[_Said_T], said: object) -> _Said_T:
    """InvalidInput, naming the field, for what is none."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(each) for each in first["loc"])
        raise InvalidInput(f"{place}: {first['msg']}", field=place) from error


def clashes(own: Sequence[OwnCamera], theirs: Mapping[str, str]) -> list[Clash]:
    """Cameras that both have; `theirs`: the cluster's names by address key."""
    return [
        Clash(yours=camera.name, theirs=theirs[camera.key])
        for camera in own
        if camera.key is not None and camera.key in theirs
    ]


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with the first number that makes it another: every Pi is called raspberrypi."""
    folded = {name.casefold() for name in taken}
    if wanted.casefold() not in folded:
        return wanted
    number = 2
    while f"{wanted[:58]}-{number}".casefold() in folded:
        number += 1
    return f"{wanted[:58]}-{number}"
