"""Has Debian's Chromium trust an authority: `python -m tests.browser.trusting HOME FILE`.

What `certutil -A -t C,,` does, by the NSS library that Chromium brings: the tool is a package of
its own. A process of its own, because NSS has one database a process. FILE is DER.
"""

import ctypes
import sys
from pathlib import Path

_CA = b"C,,"


class _Item(ctypes.Structure):
    """`SECItem` (seccomon.h)."""

    _fields_ = (("type", ctypes.c_int), ("data", ctypes.c_char_p), ("length", ctypes.c_uint))


class _Trust(ctypes.Structure):
    """`CERTCertTrust` (certt.h)."""

    _fields_ = (("ssl", ctypes.c_uint), ("email", ctypes.c_uint), ("objects", ctypes.c_uint))


def trust(home: Path, der: bytes) -> None:
    """Put it into the NSS database of the user whose home that is; made where it is missing."""
    place = home / ".pki" / "nssdb"
    place.mkdir(parents=True)
    nss = ctypes.CDLL("libnss3.so")
    for name in ("PK11_GetInternalKeySlot", "CERT_GetDefaultCertDB", "CERT_NewTempCertificate"):
        getattr(nss, name).restype = ctypes.c_void_p
    _done(nss.NSS_InitReadWrite(f"sql:{place}".encode()), "NSS_InitReadWrite")
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    _done(nss.PK11_InitPin(slot, None, b""), "PK11_InitPin")
    store = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
    item = _Item(0, der, len(der))
    found = ctypes.c_void_p(nss.CERT_NewTempCertificate(store, ctypes.byref(item), None, 0, 1))
    _done(nss.PK11_ImportCert(slot, found, ctypes.c_ulong(0), b"own authority", 0), "import")
    wanted = _Trust()
    _done(nss.CERT_DecodeTrustString(ctypes.byref(wanted), _CA), "CERT_DecodeTrustString")
    _done(nss.CERT_ChangeCertTrust(store, found, ctypes.byref(wanted)), "CERT_ChangeCertTrust")
    nss.CERT_DestroyCertificate(found)
    nss.PK11_FreeSlot(slot)
    _done(nss.NSS_Shutdown(), "NSS_Shutdown")


def _done(status: int, what: str) -> None:
    if status:
        msg = f"{what} failed"
        raise OSError(msg)


if __name__ == "__main__":
    trust(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes())
