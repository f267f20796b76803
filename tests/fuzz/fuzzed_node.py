"""The node that is fuzzed: a real one with a demo camera that records, and a token of each role."""

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import requests

from tests.integration.safety.needs import ROLES

START_S, STOP_S, LOOK_S = 60.0, 20.0, 0.1
PASSWORD: Final = f"camera-{secrets.token_hex(8)}"  # of a camera; no answer ever has it
NOBODY: Final = "nobody"


class FuzzedNode:
    """`falconeye serve` below `folder`; `start`, then `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.session = requests.Session()
        self.session.trust_env = False
        self.tokens = {NOBODY: ""}
        self._log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "imports").mkdir()

    def start(self) -> None:
        """Until it records; TimeoutError when it does not."""
        words = ("serve", "--demo", "--port", "0", "--media-dir", str(self.folder / "media"))
        with self._log.open("wb") as log:
            environment = os.environ | {"FALCONEYE_IMPORT_ROOT": str(self.folder / "imports")}
            self._process = subprocess.Popen(self._command(*words), stderr=log, env=environment)
        self.url = self._until(lambda: re.search(r"serves (http://\S+?)/?\s", self.log()))
        for role in ROLES:
            made = subprocess.run(
                self._command("token", "add", f"fuzz-{role}", "--role", role),
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            self.tokens[role] = made.stdout.strip()
        self._until(lambda: re.search("(.)", self._ids("/api/recordings/", "recordings")))

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_S)
        self.session.close()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def headers(self, role: str) -> dict[str, str]:
        token = self.tokens[role]
        return {"Authorization": f"Bearer {token}"} if token else {}

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; RuntimeError where an admin is refused or it broke."""
        answer = self.session.request(
            method, self.url + path, json=body, headers=self.headers("admin"), timeout=30
        )
        if answer.status_code in {401, 403} or answer.status_code >= 500:
            msg = f"{method} {path} by an admin: {answer.status_code} {answer.text[:500]}"
            raise RuntimeError(msg)
        return answer.json()

    def tidy(self) -> None:
        """As it was: one camera that delivers, one that is off and has a password, no others."""
        cameras = self.admin("GET", "/api/cameras/?limit=1000")["cameras"]
        kept: dict[str, str] = {}
        for camera in cameras:
            protocol = camera["protocol"]
            good = camera["name"] in {"Demo", "Off"} and protocol not in kept
            if good and protocol in {"demo", "rtsp"}:
                kept[protocol] = camera["id"]
            else:
                self.admin("DELETE", f"/api/cameras/{camera['id']}")
        if "demo" not in kept:
            self.admin("POST", "/api/cameras/", {"name": "Demo", "protocol": "demo"})
        else:
            self.admin("POST", f"/api/cameras/{kept['demo']}/start")
        if "rtsp" not in kept:
            url = f"rtsp://user:{PASSWORD}@127.0.0.1:1/fuzz"
            self.admin(
                "POST", "/api/cameras/", {"name": "Off", "protocol": "rtsp", "source_url": url}
            )

    def known(self) -> dict[str, list[str]]:
        """Ids of what is there, by the name of a path's parameter."""
        cameras = [one["id"] for one in self.admin("GET", "/api/cameras/")["cameras"]]
        volumes = self.admin("GET", "/api/storage/volumes")["volumes"]
        return {
            "camera_id": cameras,
            "recording_id": self._ids("/api/recordings/", "recordings").split(),
            "job_id": self._ids("/api/jobs/", "jobs").split(),
            "volume_id": [one["id"] for one in volumes],
            "name": [one["name"] for one in self.admin("GET", "/api/nodes/")],
        }

    def secrets(self) -> dict[str, str]:
        """What no answer may hold, by what it is."""
        found = {f"the token of the {role}": token for role, token in self.tokens.items() if token}
        found["the password of a camera"] = PASSWORD
        found["the key of the data"] = (self.folder / "data" / "data.key").read_text().strip()
        return found

    def _ids(self, path: str, name: str) -> str:
        return " ".join(str(one["id"]) for one in self.admin("GET", path)[name])

    def _command(self, *words: str) -> list[str]:
        where = ["--data-dir", str(self.folder / "data")]
        return [sys.executable, "-m", "falconeye", *words, *where]

    def _until(self, look: Any) -> str:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if found := look():
                return str(found[1])
            if not self.runs():
                raise RuntimeError(self.log())
            time.sleep(LOOK_S)
        raise TimeoutError(self.log())
