"""Addresses at rest: the parameters by which some cameras take their login are encrypted.

`?loginuse=admin&loginpas=secret` lies in the database as `?loginuse=sealed:…&loginpas=sealed:…`:
the rest of the address can be read without the key, as that of other cameras.
"""

from falconeye.base.redact import HIDDEN, map_secrets
from falconeye.base.secret import Secret
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable

_MARK = "sealed:"


def seal(url: str, cipher: CredentialCipher) -> str:
    """`url` as it is stored; what is hidden in it stays so."""

    def sealed(_name: str, value: str) -> str:
        return value if value == HIDDEN else _MARK + cipher.encrypt(Secret(value)).decode()

    return map_secrets(url, sealed)


def sealed_values(stored: str) -> list[bytes]:
    """The ciphertexts in a stored address."""
    found: list[bytes] = []

    def note(_name: str, value: str) -> str:
        if value.startswith(_MARK):
            found.append(value.removeprefix(_MARK).encode())
        return value

    _ = map_secrets(stored, note)
    return found


def unseal(stored: str, cipher: CredentialCipher) -> tuple[str, str]:
    """The address, and why values in it could not be read ("" if they could) and are hidden."""
    problem = ""

    def value(_name: str, sealed: str) -> str:
        nonlocal problem
        if not sealed.startswith(_MARK):
            return sealed
        try:
            return cipher.decrypt(sealed.removeprefix(_MARK).encode()).reveal()
        except CredentialUnreadable as error:
            problem = str(error)
            return HIDDEN

    return map_secrets(stored, value), problem
