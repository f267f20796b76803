"""What every command gets: the parsed words."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Arguments(argparse.Namespace):
    """The words of every command, and those of single commands by name."""

    command: str  # "module:function"
    data_dir: Path | None
    config: Path | None
    json: bool

    def flags(self) -> Mapping[str, Any]:
        """The settings that were given as flags."""
        given = {name: getattr(self, name, None) for name in _SETTING_FLAGS}
        return {name: value for name, value in given.items() if value is not None}


_SETTING_FLAGS = (
    "data_dir", "media_dir", "host", "port", "peer_port", "demo", "node_name",
    "admin_password_file", "peers", "tls", "tls_cert", "tls_key", "tls_names", "trusted_proxy",
    "base_path", "log_format", "log_level",
)  # fmt: skip
