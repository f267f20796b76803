"""What the filter of the audit log can be set to: the words that stand in the logs of all nodes."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.storage.stores.audit_store import AuditWords
from falconeye.web.peers.lists import ask_others, others_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/audit/words"
MAX_WORDS: Final = 1000  # of a kind, as a node tells them
MAX_WORD: Final = 1000  # characters; longer ones are not told
MOST_SHOWN: Final = 2000  # of a kind, of all nodes
log = logging.getLogger(__name__)
_Words = Annotated[list[Annotated[str, Field(max_length=MAX_WORD)]], Field(max_length=MAX_WORDS)]


class ToldWords(BaseModel):
    """`AuditWords` as a peer tells them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actions: _Words
    names: _Words
    object_kinds: _Words


@dataclass(frozen=True, slots=True)
class WordsOfAll:
    """`silent`: names of the nodes whose words are not among them."""

    words: AuditWords
    silent: tuple[str, ...] = ()


async def gather_words(request: Asking) -> WordsOfAll:
    """Those of this node and of all that answer."""
    services = shell_of(request).services
    own, answers = await asyncio.gather(
        services.accounts.audit.words(), ask_others(request, PATH, {})
    )
    silent = list(answers.silent_names)
    told = [own]
    for node_id, answer in answers.by_node.items():
        words = _read(node_id, answer)
        if words is None:
            silent.append(_name_of(request, node_id))
        else:
            told.append(words)
    found = AuditWords(
        _together(each.actions for each in told),
        _together(each.names for each in told),
        _together(each.object_kinds for each in told),
    )
    return WordsOfAll(found, tuple(silent))


def _read(node_id: str, answer: Mapping[str, Any]) -> AuditWords | None:
    try:
        told = ToldWords.model_validate(answer)
    except ValidationError as error:
        log.warning("the words of the audit log of node %s cannot be read: %s", node_id, error)
        return None
    return AuditWords(tuple(told.actions), tuple(told.names), tuple(told.object_kinds))


def _name_of(request: Asking, node_id: str) -> str:
    federation = others_of(request)
    peer = None if federation is None else federation.peers.get(node_id)
    return node_id if peer is None else peer.name


def _together(parts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Each once, in order; of more than can be shown those of the first parts."""
    words = dict.fromkeys(word for part in parts for word in part)
    return tuple(sorted(list(words)[:MOST_SHOWN]))


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_words(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    require(principal_of(request), Action.READ_AUDIT)
    words = await shell_of(request).services.accounts.audit.words()
    return {
        kind: [word for word in told if len(word) <= MAX_WORD][:MAX_WORDS]
        for kind, told in asdict(words).items()
    }
