"""Where a node keeps the certificate that it issued itself; both calls block."""

import os
import secrets
from pathlib import Path
from typing import Final

CERTIFICATE_NAME: Final = "tls.crt"
KEY_NAME: Final = "tls.key"


def read_own(data_dir: Path) -> tuple[bytes, bytes]:
    """Certificate and key (PEM), unchecked; OSError."""
    return (data_dir / CERTIFICATE_NAME).read_bytes(), (data_dir / KEY_NAME).read_bytes()


def write_own(data_dir: Path, certificate: bytes, key: bytes) -> None:
    """Keep them, each whole or not at all, the key for its owner alone; OSError.

    A crash in between leaves two that do not fit, which the next start sees and replaces.
    """
    _replace(data_dir / KEY_NAME, key, 0o600)
    _replace(data_dir / CERTIFICATE_NAME, certificate, 0o644)


def _replace(path: Path, content: bytes, mode: int) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
