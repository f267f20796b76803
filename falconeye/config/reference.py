"""What each setting of the node is for: the one source of what help, pages and README say of it.

Set by flags, environment or the TOML file; what an admin changes in the page is told of by
`storage.stores.settings_reference`. Words in backticks are code. What is allowed stands with the
check, in `loading.SETTINGS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from falconeye.config.loading import ENVIRONMENT_PREFIX, SETTINGS


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class NodeSetting:
    """One field of `NodeSettings`, in words."""

    name: str
    default: str  # in words or as it is written; empty: not set
    text: str

    @property
    def allowed(self) -> str:
        """What it may be."""
        return SETTINGS[self.name].allowed

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{ENVIRONMENT_PREFIX}{self.name.upper()}"


NODE_SETTINGS: Final = (
    NodeSetting(
        "data_dir",
        "`$STATE_DIRECTORY`; root: `/var/lib/falconeye`; else `$XDG_DATA_HOME/falconeye` or "
        "`~/.local/share/falconeye`",
        _("database and keys; must be on a local disk"),
    ),
    NodeSetting(
        "media_dir",
        _("`media` in the data directory"),
        _("footage"),
    ),
    NodeSetting(
        "host",
        "`127.0.0.1`",
        _("address to listen on; `--lan` is `0.0.0.0`"),
    ),
    NodeSetting(
        "port",
        "`8900`",
        _("TCP port; 0 takes a free one"),
    ),
    NodeSetting(
        "peer_port",
        "`8901`",
        _("TCP port for the other nodes of a cluster, by TLS; 0 takes a free one"),
    ),
    NodeSetting(
        "tls",
        _("`off`, `files` where a certificate is given"),
        _(
            "how browsers connect: `off`, `files` (a certificate of your own), `auto` (made by the "
            "node)"
        ),
    ),
    NodeSetting(
        "tls_cert",
        "",
        _("a certificate and its chain (PEM), read again when it changes"),
    ),
    NodeSetting(
        "tls_key",
        "",
        _("its key (PEM), without a passphrase"),
    ),
    NodeSetting(
        "tls_names",
        "",
        _("with `auto`: how else browsers reach this node, names or addresses apart by commas"),
    ),
    NodeSetting(
        "demo",
        "`false`",
        _("add the demo camera when there is none"),
    ),
    NodeSetting(
        "node_name",
        _("the host name"),
        _("what this node is called"),
    ),
    NodeSetting(
        "admin_password_file",
        "",
        _("at the first start make the account `admin` with the password in this file"),
    ),
    NodeSetting(
        "data_key_file",
        _("`data.key` in the data directory"),
        _("the key that encrypts camera passwords; systemd: `LoadCredential=data-key:…`"),
    ),
    NodeSetting(
        "import_root",
        "",
        _("paths given by API clients must lie below it; apart from data and media"),
    ),
    NodeSetting(
        "memory_budget_bytes",
        _("a quarter of the RAM, or of its container's limit, at most 512 MB"),
        _(
            "for pictures that wait: live buffers, pre-roll (what has no room goes to the disk), a"
            " slow disk"
        ),
    ),
    NodeSetting(
        "sync_interval_s",
        "`2.0`",
        _("at most this much footage, plus 1 s, is lost at a power cut"),
    ),
    NodeSetting(
        "free_floor_bytes",
        _("5 %, at least 2 GB; on the root file system 12 %"),
        _("kept free by deleting the oldest footage"),
    ),
    NodeSetting(
        "segment_s",
        "`60`",
        _("length of a file"),
    ),
    NodeSetting(
        "sub_recording",
        "`true`",
        _("record a camera's small picture as well, where it has one"),
    ),
    NodeSetting(
        "nightly_backup",
        "`true`",
        _("a copy of the database each night, 7 kept"),
    ),
    NodeSetting(
        "backup_dir",
        "",
        _("on another disk: an encrypted backup each night, 7 kept"),
    ),
    NodeSetting(
        "backup_passphrase_file",
        "",
        _("its first line encrypts those"),
    ),
    NodeSetting(
        "discovery",
        "`true`",
        _(
            "look for cameras and other nodes in the network, and announce this node, on "
            "interfaces of the LAN only"
        ),
    ),
    NodeSetting(
        "peers",
        "",
        _(
            "other nodes that cannot be found so: `HOST` or `HOST:PORT` (8901 where none is said),"
            " apart by commas"
        ),
    ),
    NodeSetting(
        "peer_service",
        "",
        _(
            "a DNS name whose addresses are other nodes, such as a headless service; asked every "
            "15 s"
        ),
    ),
    NodeSetting(
        "cluster_key_file",
        "",
        _(
            "who holds the key in this file is a member of the cluster: the Secret of `k3s/`; at "
            "least 24 characters, read again every 5 s"
        ),
    ),
    NodeSetting(
        "placement",
        "`auto`",
        _("`manual`: nothing is written through the Kubernetes API, there is no leader"),
    ),
    NodeSetting(
        "trusted_proxy",
        "",
        _(
            "reverse proxies whose `X-Forwarded-*` headers count: addresses or networks "
            "(`10.1.0.0/16`), apart by commas"
        ),
    ),
    NodeSetting(
        "base_path",
        "",
        _("`/falconeye` where a reverse proxy serves FalconEye below that path"),
    ),
    NodeSetting(
        "video_devices",
        "",
        _(
            "cameras at this node that are no USB ones, such as capture cards: patterns of their "
            "path or name, apart by commas"
        ),
    ),
    NodeSetting(
        "log_format",
        "`auto`",
        _(
            "`auto` (under systemd entries with fields: `journalctl -u falconeye CAMERA_ID=…`), "
            "`human`, `json`"
        ),
    ),
    NodeSetting(
        "log_level",
        "`info`",
        _("`debug`, `info`, `warning`, `error`"),
    ),
)
BY_NAME: Final[Mapping[str, NodeSetting]] = {one.name: one for one in NODE_SETTINGS}


def markdown_rows() -> list[str]:
    """The rows of the table in the README."""
    return [
        f"| `{one.name}` | {one.default}{' ' if one.default else ''}| {one.text} |"
        for one in NODE_SETTINGS
    ]
