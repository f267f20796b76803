"""A node without TLS loads nothing of it."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(60)
def test_reading_certificates_is_left_out() -> None:
    program = (
        "import sys, falconeye.node;"
        "loaded = {name for name in sys.modules if name.startswith("
        "('cryptography.x509', 'falconeye.tls', 'falconeye.web.https'))};"
        "print(sorted(loaded))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    light = ["falconeye.tls", "falconeye.tls.condition", "falconeye.tls.fingerprint"]
    light += ["falconeye.tls.own_files", "falconeye.web.https", "falconeye.web.https.opening"]
    light += ["falconeye.web.https.state"]
    assert said.strip() == str(sorted(light))
