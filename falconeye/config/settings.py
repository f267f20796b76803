"""The node's settings while the process runs; `loading.py` fills them."""

from dataclasses import dataclass
from pathlib import Path

from falconeye.base.memory import default_budget_bytes

DEFAULT_PORT = 8900


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Flags, environment (`FALCONEYE_*`) and the TOML file, merged in that order."""

    data_dir: Path  # database, keys: must be on a local disk
    media_dir: Path  # footage
    host: str = "127.0.0.1"  # `--lan` makes it "0.0.0.0"
    port: int = DEFAULT_PORT
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
    video_devices: str = ""  # patterns of devices that are cameras without being USB ones
    log_format: str = "auto"  # auto | human | json
    log_level: str = "info"
