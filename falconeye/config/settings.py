"""The node's settings while the process runs; `loading.py` fills them."""

import socket
from dataclasses import dataclass
from pathlib import Path

from falconeye.base.memory import default_budget_bytes

DEFAULT_PORT = 8900
DEFAULT_PEER_PORT = 8901


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Flags, environment (`FALCONEYE_*`) and the TOML file, merged in that order."""

    data_dir: Path  # database, keys: must be on a local disk
    media_dir: Path  # footage
    host: str = "127.0.0.1"  # `--lan` makes it "0.0.0.0"
    port: int = DEFAULT_PORT
    peer_port: int = DEFAULT_PEER_PORT  # for the other nodes of a cluster, by TLS
    tls: str = "off"  # off | files | auto: of what browsers connect to
    tls_cert: Path | None = None  # PEM, with its chain; read again when it changes
    tls_key: Path | None = None
    tls_names: tuple[str, ...] = ()  # of this node for browsers, beside its own; with auto
    demo: bool = False  # adds the demo camera when there is no camera yet
    node_name: str = ""  # empty: the host name
    admin_password_file: Path | None = None  # first start without a person: user "admin"
    data_key_file: Path | None = None  # None: data_dir/data.key, made at first start with mode 0600
    import_root: Path | None = None  # clients' paths must resolve below; no client sets it
    memory_budget_bytes: int = default_budget_bytes()
    sync_interval_s: float = 2.0  # at most this much footage is lost at a power cut, plus 1 s
    free_floor_bytes: int | None = None  # None: max(5 %, 2 GB), 12 % on the root file system
    segment_s: int = 60
    sub_recording: bool = True
    nightly_backup: bool = True  # a copy of the database each night, seven kept
    backup_dir: Path | None = None  # on another disk: a sealed backup each night as well
    backup_passphrase_file: Path | None = None  # what seals those
    discovery: bool = True  # cameras in the network are looked for
    peers: tuple[str, ...] = ()  # "host:port" of other nodes, beside those that announce themselves
    peer_service: str = ""  # "name:port": what its name resolves to are other nodes
    cluster_key_file: Path | None = None  # who holds what is in it is a member: Kubernetes
    placement: str = "auto"  # auto | manual; manual: nothing is written through Kubernetes
    trusted_proxy: tuple[str, ...] = ()  # networks whose X-Forwarded-* count
    base_path: str = ""  # "/falconeye": what stands before every address, behind a reverse proxy
    video_devices: str = ""  # patterns of devices that are cameras without being USB ones
    log_format: str = "auto"  # auto | human | json
    log_level: str = "info"

    @property
    def scheme(self) -> str:
        """How browsers address this node itself, whatever stands before it."""
        return "http" if self.tls == "off" else "https"

    @property
    def own_name(self) -> str:
        """What this node is called where no cluster calls it otherwise."""
        return self.node_name or socket.gethostname()
