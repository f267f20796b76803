"""The topics of the help, in the order of a book; each is a template in `templates/help/`.

Their sections have anchors by which pages lead to them: `/help/gaps#disk_full`. The anchors of
`states` and `gaps` are the codes of the API (`ReasonCode`, `GapReason`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HELP_FOLDER: Final = "help"  # below the folder of templates


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of the help. `key` is the end of its address and the name of its template."""

    key: str
    title: str
    about: str  # what is told there, for the contents

    @property
    def template(self) -> str:
        return f"{HELP_FOLDER}/{self.key}.html"


TOPICS: Final = (
    Topic("first-steps", _("First steps"), _("From the set-up link to the first recording.")),
    Topic("adding", _("Adding cameras"), _("At a USB port, by RTSP, ONVIF or HTTP, from a file.")),
    Topic("live", _("Watching live"), _("The wall, one camera, sound, slow connections.")),
    Topic("states", _("What a camera's state means"), _("Each state, why, and what to do.")),
    Topic("recording", _("When a camera records"), _("Always, by events, by hours; privacy.")),
    Topic("gaps", _("Why a time was not recorded"), _("Each reason, and what to do about it.")),
    Topic("footage", _("Finding and playing footage"), _("The time line, several cameras.")),
    Topic("exports", _("Saving footage"), _("Downloads, exports, and proof that they are whole.")),
    Topic("protecting", _("Protecting footage"), _("What must stay, whatever the rules say.")),
    Topic("storage", _("Storage and how long it lasts"), _("Disks, rules, archives, a full disk.")),
    Topic("notices", _("Notices"), _("What FalconEye tells you, and where it sends it.")),
    Topic("nodes", _("Several nodes"), _("Several machines that are one recorder.")),
    Topic("people", _("People and roles"), _("Who may do what; tokens for programs.")),
    Topic("https", _("HTTPS in short"), _("So that nobody on the network reads along.")),
    Topic(
        "proxy", _("From outside, and reverse proxies"), _("Reaching it from elsewhere, safely.")
    ),
    Topic("backup", _("Backup and restore"), _("All but footage in one file, and back.")),
    Topic("update", _("Update and go back"), _("A newer release, an older one, none.")),
    Topic("programs", _("Other programs"), _("Home Assistant, VLC, ffmpeg, Prometheus.")),
    Topic("troubleshooting", _("When something is wrong"), _("The doctor, and common faults.")),
    Topic("privacy", _("What is protected, and what is not"), _("Passwords, disks, the network.")),
    Topic("settings", _("Every setting"), _("Each with its default and what it does.")),
    Topic("commands", _("The command line"), _("Each command of falconeye.")),
    Topic("keys", _("Keyboard shortcuts"), _("On the wall, the time line, a moving camera.")),
    Topic("words", _("Words"), _("What the words on these pages mean.")),
)

BY_KEY: Final[Mapping[str, Topic]] = {topic.key: topic for topic in TOPICS}


def beside(topic: Topic) -> tuple[Topic | None, Topic | None]:
    """The topics before and after one."""
    at = TOPICS.index(topic)
    before = TOPICS[at - 1] if at else None
    return before, TOPICS[at + 1] if at + 1 < len(TOPICS) else None
