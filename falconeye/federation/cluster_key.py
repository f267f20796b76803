"""The cluster key: under Kubernetes whoever holds it is a member. It never leaves the node.

All that nodes need alike is derived from it (HKDF, RFC 5869): the first data key, the salt of the
first admin's password, and the key by which they prove to each other that they hold it. Another
cluster key makes another data key, which goes before those that are there: they go on decrypting.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from falconeye.base.errors import InvalidInput
from falconeye.config.settings import NodeSettings
from falconeye.storage.stores.credentials import (
    CredentialCipher,
    add_keys,
    load_cipher,
    seed_key,
)

log = logging.getLogger(__name__)

MIN_LENGTH: Final = 24  # of its text: less could be guessed by who overhears one proof
MAX_BYTES: Final = 4096
_SALT: Final = b"falconeye cluster key"
_DATA_KEY: Final = b"data key 1"
_ADMIN_SALT: Final = b"salt of the first admin 1"
_PROOF: Final = b"membership 1"


class NoClusterKey(InvalidInput):
    """There is no cluster key, or none that may be used; the message says which."""


@dataclass(frozen=True, slots=True)
class ClusterKey:
    """What all nodes of one cluster hold."""

    secret: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "ClusterKey":
        """The key of a file, white space around it apart; NoClusterKey. Blocks."""
        try:
            with path.open("rb") as file:
                secret = file.read(MAX_BYTES).strip()
        except OSError as error:
            msg = f"the cluster key {path} cannot be read: {error.strerror}"
            raise NoClusterKey(msg) from error
        if len(secret) < MIN_LENGTH:
            msg = f"the cluster key {path} is too short: it needs {MIN_LENGTH} characters"
            raise NoClusterKey(msg)
        return cls(secret)

    @property
    def data_key(self) -> bytes:
        """The first one of the cluster, as `storage.stores.credentials` has them."""
        return base64.urlsafe_b64encode(self._derived(_DATA_KEY, 32))

    @property
    def admin_salt(self) -> bytes:
        """16 bytes: by it every node makes the same hash of the first admin's password."""
        return self._derived(_ADMIN_SALT, 16)

    def proof(self, purpose: str, said: str) -> str:
        """That who says this holds the key: HMAC-SHA256, in hex digits."""
        words = purpose.encode() + b"\0" + said.encode()
        return hmac.new(self._derived(_PROOF, 32), words, hashlib.sha256).hexdigest()

    def proves(self, purpose: str, said: str, proof: str) -> bool:
        """Whether it was said by one who holds this key."""
        return hmac.compare_digest(self.proof(purpose, said).encode(), proof.encode())

    def _derived(self, purpose: bytes, length: int) -> bytes:
        return HKDF(SHA256(), length, _SALT, purpose).derive(self.secret)


def open_cipher(settings: NodeSettings, environment: Mapping[str, str]) -> CredentialCipher:
    """`load_cipher` for a node that may hold a cluster key: its data key is there first. Blocks.

    StartError where it cannot be written. A node without the key goes on with its own until there
    is one, see `key_membership`.
    """
    key = None
    if settings.cluster_key_file is not None:
        try:
            key = ClusterKey.read(settings.cluster_key_file)
        except NoClusterKey as error:
            log.warning("%s", error)
    if key is not None:
        seed_key(settings.data_dir, key.data_key)
    cipher = load_cipher(settings.data_dir, settings.data_key_file, environment)
    if key is not None and key.data_key not in cipher.keys:
        add_keys(settings.data_dir, [key.data_key], cipher)
    return cipher
