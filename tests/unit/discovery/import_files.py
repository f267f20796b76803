"""The files in `samples`, as another recorder would write them, and what is secret in them."""

import gzip
import io
import tarfile
from pathlib import Path

SECRET = "S3CRET-PASS"
_SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    return (_SAMPLES / name).read_bytes()


def backup(**files: bytes) -> bytes:
    """motionEye's backup: a gzipped tar of its directory; "__" stands for a dot, "_" for a dash."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        directory = tarfile.TarInfo(".")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name.replace("__", ".").replace("_", "-"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(made.getvalue())
