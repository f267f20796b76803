"""Camera passwords at rest: encrypted by a data key that is never in the database or its backups.

The key file holds one Fernet key a line (32 random bytes in base64), the newest first: it encrypts,
all of them decrypt. Every ciphertext names its key, so that a lost or exchanged file is told apart
from damage.
"""

import base64
import binascii
import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from falconeye.base.errors import FalconEyeError, StartError
from falconeye.base.secret import Secret

log = logging.getLogger(__name__)

KEY_NAME = "data.key"
SYSTEMD_NAME = "data-key"  # LoadCredential=data-key:… (systemd.exec(5))
_KEY_BYTES = 32


class CredentialUnreadable(FalconEyeError):
    """A stored password cannot be decrypted; enter it again, or bring the right key back."""


class CredentialCipher:
    """Encrypts and decrypts short secrets with the keys of one file."""

    def __init__(self, keys: list[bytes], origin: str) -> None:
        """`keys`: urlsafe base64, newest first; `origin` names their file in messages."""
        self._origin = origin
        self.adopt(keys)

    def adopt(self, keys: list[bytes]) -> None:
        """Other keys from here on, the newest first: a peer brought one, or a key was made anew."""
        self._keys = list(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._versions = [key_version(key) for key in keys]

    @property
    def keys(self) -> list[bytes]:
        """All keys, the newest first: for the key file and for other members, for nothing else."""
        return list(self._keys)

    @property
    def versions(self) -> list[str]:
        """The names of the keys, the newest first."""
        return list(self._versions)

    def is_newest(self, stored: bytes) -> bool:
        """Whether it was encrypted with the key that is used now."""
        return stored.partition(b":")[0].decode("ascii", errors="replace") == self._versions[0]

    def encrypt(self, secret: Secret) -> bytes:
        """`VERSION:TOKEN`, where the version names the key (8 hex digits of its SHA-256)."""
        return self._versions[0].encode() + b":" + self._fernet.encrypt(secret.reveal().encode())

    def decrypt(self, stored: bytes) -> Secret:
        """CredentialUnreadable when the key is not here or the bytes were changed."""
        version, _, token = stored.partition(b":")
        try:
            return Secret(self._fernet.decrypt(token).decode())
        except InvalidToken as error:
            named = version.decode("ascii", errors="replace")
            if named in self._versions:
                msg = "the stored password is damaged: enter it again"
            else:
                msg = (
                    f"the stored password was encrypted with another key ({named}) than the one in "
                    f"{self._origin}: put that key back, or enter the password again"
                )
            raise CredentialUnreadable(msg) from error


def load_cipher(
    data_dir: Path, given: Path | None, environment: Mapping[str, str]
) -> CredentialCipher:
    """The cipher of this node; blocks: call it in a thread before the loop, or in one.

    `given` (`data_key_file`) or systemd's credential directory win; otherwise `data_dir/data.key`,
    made with mode 0600 at first start. StartError when it cannot be made or read, or holds no key.
    """
    given = given_key_file(given, environment)
    own = data_dir / KEY_NAME
    path = given or own
    try:
        if given is None and not path.exists():
            _create(path, new_key())
        # Beside a key that is given, a cluster's keys lie in the node's own file, and go first.
        shared = read_keys(own) if given is not None and own.exists() else []
    except OSError as error:
        msg = f"the data key {path} cannot be made: {error.strerror}"
        raise StartError(msg) from error
    try:
        content = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the data key {path} cannot be read: {error}"
        raise StartError(msg) from error
    if mode & 0o004:
        log.warning("the data key %s can be read by every user of this machine", path)
    return CredentialCipher(_once(shared + _parse(content, path)), str(path))


def add_keys(data_dir: Path, keys: list[bytes], cipher: CredentialCipher) -> None:
    """Put a cluster's keys, the newest first, before those of this node, on the disk and in use.

    Blocks. StartError when they cannot be written; then nothing has changed.
    """
    path = data_dir / KEY_NAME
    try:
        before = read_keys(path) if path.exists() else []
        _replace(path, _once(keys + before))
    except OSError as error:
        msg = f"the data keys {path} cannot be written: {error.strerror}"
        raise StartError(msg) from error
    cipher.adopt(_once(keys + cipher.keys))


def check_room_for_key(data_dir: Path) -> None:
    """StartError where `add_keys` could not put another key on the disk now. Blocks."""
    path = data_dir / KEY_NAME
    try:
        before = read_keys(path) if path.exists() else []
        _aside(path, [*before, new_key()]).unlink()
    except OSError as error:
        msg = f"the data keys {path} cannot be written: {error.strerror}"
        raise StartError(msg) from error


def seed_key(data_dir: Path, key: bytes) -> None:
    """Have the node begin with this key, where it has no key file of its own yet.

    Blocks. StartError when it cannot be written.
    """
    path = data_dir / KEY_NAME
    try:
        if not path.exists():
            _create(path, key)
    except OSError as error:
        msg = f"the data key {path} cannot be made: {error.strerror}"
        raise StartError(msg) from error


def new_key() -> bytes:
    """32 random bytes, urlsafe base64."""
    return Fernet.generate_key()


def given_key_file(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The key file that the node is told to use; None for its own in the data directory. Blocks."""
    if given is None and (directory := environment.get("CREDENTIALS_DIRECTORY")):
        credential = Path(directory) / SYSTEMD_NAME
        return credential if credential.exists() else None
    return given


def key_file(data_dir: Path, given: Path | None, environment: Mapping[str, str]) -> Path:
    """The file of this node's data key; made as by `load_cipher`, whose errors it raises."""
    load_cipher(data_dir, given, environment)
    return given_key_file(given, environment) or data_dir / KEY_NAME


def read_keys(path: Path) -> list[bytes]:
    """The keys of a key file, the newest first; StartError when it cannot be read. Blocks."""
    try:
        return _parse(path.read_text(encoding="ascii"), path)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the data key {path} cannot be read: {error}"
        raise StartError(msg) from error


def _once(keys: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(keys))


def _replace(path: Path, keys: list[bytes]) -> None:
    """Other content of a key file, whole or not at all."""
    aside = _aside(path, keys)
    try:
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _aside(path: Path, keys: list[bytes]) -> Path:
    """These keys in a new file beside the key file, on the disk."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:  # unlike `os.write` it writes all, or fails
            file.writelines(key + b"\n" for key in keys)
            file.flush()
            os.fsync(fd)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    return aside


def _create(path: Path, key: bytes) -> None:
    """A key file, whole or not at all: written aside, then linked to a name nobody has."""
    aside = _aside(path, [key])
    try:
        os.link(aside, path)
    except FileExistsError:
        log.debug("another process has just made %s", path)
    finally:
        aside.unlink()
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _parse(content: str, path: Path) -> list[bytes]:
    keys = []
    for line in content.split():
        key = line.replace("+", "-").replace("/", "_").encode()  # `openssl rand -base64 32`
        try:
            right = len(base64.urlsafe_b64decode(key)) == _KEY_BYTES
        except binascii.Error:
            right = False
        if not right:
            msg = f"{path} holds no data key: it needs 32 random bytes in base64, one key a line"
            raise StartError(msg)
        keys.append(key)
    if not keys:
        msg = f"the data key {path} is empty"
        raise StartError(msg)
    return keys


def key_version(key: bytes) -> str:
    """What names a key beside what it encrypted: 8 hex digits of its SHA-256."""
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:8]
