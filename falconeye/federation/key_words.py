"""What two nodes that hold the same cluster key say to each other (`POST /peer/key`).

Each says who it is and to whom it speaks, by both certificates, and proves that it holds the key.
The one that asks has pinned the certificate that it names; so a proof is good for nobody else.
"""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput, NotAuthenticated
from falconeye.federation.cluster_key import ClusterKey

KEY_PATH: Final = "/peer/key"
MAX_KEY_BYTES: Final = 128 << 10
Purpose = Literal["ask", "answer"]
_Word = Annotated[str, Field(min_length=1, max_length=64)]


class WrongKey(NotAuthenticated):
    """It was not said by one who holds this node's cluster key."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Introduction(_Said):
    """One node, as it introduces itself; `changes` make its row among the members."""

    node_id: _Word
    certificate: Annotated[str, Field(max_length=4096)]  # PEM
    to: Annotated[str, Field(max_length=64)]  # SHA-256 of the receiver's certificate, in hex
    nonce: Annotated[str, Field(min_length=16, max_length=64)]  # of the one that asked
    changes: Annotated[list[dict[str, Any]], Field(max_length=64)]


class Proved(_Said):
    """An introduction as JSON, and the proof over exactly these characters."""

    said: Annotated[str, Field(max_length=MAX_KEY_BYTES)]
    proof: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @classmethod
    def by(cls, key: ClusterKey, purpose: Purpose, introduction: Introduction) -> "Proved":
        said = introduction.model_dump_json()
        return cls(said=said, proof=key.proof(purpose, said))

    @classmethod
    def parse(cls, told: object) -> "Proved":
        """InvalidInput for what is none."""
        try:
            return cls.model_validate(told)
        except ValidationError as error:
            raise InvalidInput("this is no introduction of a node") from error

    def opened(self, key: ClusterKey, purpose: Purpose) -> Introduction:
        """What is said, if it is proved; WrongKey, InvalidInput."""
        if not key.proves(purpose, self.said, self.proof):
            raise WrongKey("the other node holds another cluster key")
        try:
            return Introduction.model_validate(json.loads(self.said))
        except (ValueError, RecursionError) as error:  # ValidationError is a ValueError
            raise InvalidInput("this is no introduction of a node") from error

    @property
    def claimed_id(self) -> str:
        """The node id that it names, proved or not; empty where it names none."""
        try:
            found = json.loads(self.said)
        except (ValueError, RecursionError):  # anybody may send it, nested as deep as they like
            return ""
        return str(found.get("node_id", ""))[:64] if isinstance(found, dict) else ""
