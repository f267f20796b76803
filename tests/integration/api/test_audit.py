"""The audit log is read by admins: filtered, in pages, as a file, and on a page in local time."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from markupsafe import escape

from falconeye.accounts import audit as audit_module
from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.jobs.export_hashes import note_hashes
from falconeye.storage.export.export_result import Export, ExportedFile
from falconeye.web.pages import audit as audit_page
from tests.integration.api.conftest import Served

ANNA = Principal(PrincipalKind.USER, "user-1", "anna", Role.ADMIN)
VLC = Principal(PrincipalKind.TOKEN, "token-1", "vlc", Role.VIEWER)
DOOR = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
async def filled(served: Served) -> Served:
    audit = served.services.accounts.audit
    await audit.record(ANNA, "camera.changed", "camera", DOOR, "Door: audio", "10.0.0.7")
    await audit.record(VLC, "footage.viewed", "camera", DOOR, "Door", "10.0.0.8")
    await audit.record(None, "user.added", "user", "user-2", "otto & <b>Eve</b>")
    await audit.record(ANNA, "camera.deleted", "camera", DOOR, "Door", "10.0.0.7")
    return served


async def entries(client: httpx.AsyncClient, **wanted: Any) -> list[str]:
    answer = await client.get("/api/audit/", params=wanted)
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in answer.json()["entries"]]


async def test_it_is_filtered_and_paged(filled: Served) -> None:
    admin = filled.admin
    everything = ["camera.deleted", "user.added", "footage.viewed", "camera.changed"]
    assert await entries(admin) == everything
    assert await entries(admin, action="user.added") == ["user.added"]
    assert await entries(admin, actor="vlc") == ["footage.viewed"]
    assert await entries(admin, actor="system") == ["user.added"]
    assert await entries(admin, object_kind="user") == ["user.added"]
    assert await entries(admin, object_id=DOOR, actor="anna") == [everything[0], everything[3]]
    assert await entries(admin, action="camera.dele") == []
    assert await entries(admin, action="", actor="") == everything  # an empty field of a form
    answer = (await admin.get("/api/audit/", params={"limit": 2, "offset": 1})).json()
    assert [entry["action"] for entry in answer["entries"]] == everything[1:3]
    assert answer["total"] == 4
    [one] = (await admin.get("/api/audit/", params={"actor": "vlc"})).json()["entries"]
    assert one.pop("id") > 0
    assert datetime.fromisoformat(one.pop("at")).tzinfo == UTC
    assert one == {
        "actor_kind": "token", "actor_id": "token-1", "actor": "vlc", "action": "footage.viewed",
        "object_kind": "camera", "object_id": DOOR, "detail": "Door", "address": "10.0.0.8",
        "node_name": "pi-1", "node_id": filled.services.node_id,
    }  # fmt: skip


async def test_a_time_is_from_up_to_and_not_including(filled: Served) -> None:
    found = (await filled.admin.get("/api/audit/")).json()["entries"]
    newest, oldest = found[0]["at"], found[-1]["at"]
    year = {"from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z"}
    assert await entries(filled.admin, **year) == []
    assert len(await entries(filled.admin, **{"from": oldest})) == 4
    assert "camera.changed" not in await entries(filled.admin, **{"from": "2999-01-01T00:00:00Z"})
    assert len(await entries(filled.admin, to="2999-01-01T00:00:00Z")) == 4
    assert newest >= oldest
    wrong = await filled.admin.get("/api/audit/", params={"from": "yesterday"})
    assert (wrong.status_code, "not a time" in wrong.text) == (422, True)


async def test_only_admins_read_it(filled: Served) -> None:
    for client, status in ((filled.viewer, 403), (filled.operator, 403), (filled.nobody, 401)):
        for path in ("/api/audit/", "/api/audit", "/api/audit/download"):
            assert (await client.get(path)).status_code == status, path
    assert (await filled.viewer.get("/audit")).status_code == 403
    assert (await filled.nobody.get("/audit")).status_code == 303
    limited = await filled.client(Role.ADMIN, cameras=frozenset({DOOR}))
    async with limited:
        for path in ("/api/audit/", "/audit"):
            assert (await limited.get(path)).status_code == 403, path
    assert (await filled.admin.delete("/api/audit/")).status_code == 405


async def test_all_of_it_as_a_file(filled: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches by id: entries that are added meanwhile neither repeat nor hide any."""
    monkeypatch.setattr(audit_module, "BATCH", 2)
    before = await entries(filled.admin)
    answer = await filled.admin.get("/api/audit/download")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert 'filename="falconeye-pi-1-audit.jsonl"' in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["action"] for line in lines] == ["audit.downloaded", *before]
    assert lines[2]["detail"] == "otto & <b>Eve</b>"
    some = await filled.admin.get("/api/audit/download", params={"actor": "vlc"})
    assert [json.loads(line)["action"] for line in some.text.splitlines()] == ["footage.viewed"]
    none = await filled.admin.get("/api/audit/download", params={"actor": "nobody"})
    assert (none.status_code, none.text) == (200, "")


async def test_all_of_it_for_a_spreadsheet(filled: Served) -> None:
    audit = filled.services.accounts.audit
    await audit.record(
        None, "login.refused", "user", None, '=HYPERLINK("http://x","y")', "10.0.0.9"
    )
    answer = await filled.admin.get("/api/audit/download", params={"form": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="falconeye-pi-1-audit.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    listed = (await filled.admin.get("/api/audit/")).json()["entries"]
    assert [row["action"] for row in rows] == [one["action"] for one in listed]
    assert rows[0]["action_words"] == "Downloaded the audit log"
    assert rows[1]["detail"] == """'=HYPERLINK("http://x","y")"""
    assert (rows[1]["object_kind_words"], rows[1]["address"]) == ("user", "10.0.0.9")
    assert list(rows[0]) == [*listed[0], "action_words", "object_kind_words"]
    wrong = await filled.admin.get("/api/audit/download", params={"form": "xls"})
    assert wrong.status_code in {400, 422}


async def test_by_a_camera_its_recordings_are_found_as_well(filled: Served) -> None:
    audit = filled.services.accounts.audit
    for name in (f"{DOOR}_20261120100000", f"{DOOR}_20261120100000-pi-2", f"{DOOR}x", "other"):
        await audit.record(ANNA, "recording.downloaded", "recording", name)
    found = (await filled.admin.get("/api/audit/", params={"camera_id": DOOR})).json()
    assert [one["object_id"] for one in found["entries"]] == [
        f"{DOOR}_20261120100000-pi-2",
        f"{DOOR}_20261120100000",
        DOOR,
        DOOR,
        DOOR,
    ]
    page = (await filled.admin.get("/audit", params={"camera_id": DOOR})).text
    assert "5 entries" in page
    assert f'value="{DOOR}" selected' in page


async def test_nothing_changes_an_entry(filled: Served) -> None:
    """Neither a method of the API nor a field of a form."""
    before = (await filled.admin.get("/api/audit/")).json()
    number = before["entries"][0]["id"]
    for path in ("/api/audit", "/api/audit/", f"/api/audit/{number}", "/audit", f"/audit/{number}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await filled.admin.request(method, path, json={"detail": "nothing"})
            assert answer.status_code in {404, 405}, (method, path)
    assert (await filled.admin.get("/api/audit/")).json() == before


async def test_the_page_is_in_the_sites_time(
    filled: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await filled.admin.get("/audit")
    assert page.status_code == 200
    [one, *_] = (await filled.admin.get("/api/audit/")).json()["entries"]
    local = datetime.fromisoformat(one["at"]).astimezone(filled.services.stored_settings.zone)
    assert f">{local:%Y-%m-%d %H:%M:%S}</time>" in page.text
    assert "otto &amp; &lt;b&gt;Eve&lt;/b&gt;" in page.text
    assert "4 entries" in page.text
    assert 'href="/api/audit/download?"' in page.text
    assert 'href="/api/audit/download?form=csv"' in page.text
    assert "It is kept for 365 days." in page.text
    assert 'href="/audit"' in (await filled.admin.get("/settings")).text
    monkeypatch.setattr(audit_page, "ROWS", 1)
    some = await filled.admin.get("/audit", params={"actor": "anna", "offset": "1"})
    assert "2 entries" in some.text
    assert "<strong>Changed a camera</strong> <code>camera.changed</code>" in some.text
    assert "<code>camera.deleted</code>" not in some.text
    assert 'rel="prev" href="/audit?actor=anna"' in some.text
    assert 'href="/api/audit/download?actor=anna"' in some.text
    assert 'href="/api/audit/download?actor=anna&amp;form=csv"' in some.text
    none = await filled.admin.get("/audit", params={"from": "2999-01-01T00:00"})
    assert (none.status_code, "Nothing in the log matches." in none.text) == (200, True)
    wrong = await filled.admin.get("/audit", params={"from": "soon", "action": "<i>"})
    assert (wrong.status_code, "This is no date and time." in wrong.text) == (422, True)
    assert "<i>" not in wrong.text


async def test_the_checksum_of_an_export_is_told_in_words(served: Served) -> None:
    """As a job notes it: who reads the log wants the file, its camera and its time."""
    noon_us = 1_700_000_000_000_000
    file = ExportedFile(
        "Door 12:00.mp4", DOOR, "Door & <b>", noon_us, noon_us + 60_000_000, 60_000_000,
        5_200_000, "a" * 64, "hevc", copy_of="b" * 64,
    )  # fmt: skip
    made = Export(
        1, file.name, file.size_bytes, file.sha256, "Door.json", 10, file.from_us, file.to_us, 1,
        0, noon_us, files=[file],
    )  # fmt: skip
    audit = served.services.accounts.audit
    await note_hashes(audit, "job-1", made)
    page = (await served.admin.get("/audit")).text
    assert "Door 12:00.mp4, 5.2 MB (copy in H.264): Door &amp; &lt;b&gt;, <time" in page
    assert "{&#34;" not in page
    # Of a release, or a node, that tells it otherwise: as it came.
    for detail in ("{}", "[1]", '{"file": 1}', "no JSON"):
        await audit.record(None, "export.hash", "export_file", "c" * 64, detail)
        told = await served.admin.get("/audit")
        assert told.status_code == 200
        assert str(escape(detail)) in told.text


async def test_the_document_says_how_to_ask(served: Served) -> None:
    document = (await served.admin.get("/schema/openapi.json")).json()
    wanted = {"action", "actor", "object_kind", "object_id", "camera_id", "from", "to"}
    for path, more in (("/api/audit", {"limit", "offset"}), ("/api/audit/download", {"form"})):
        operation = document["paths"][path]["get"]
        assert {one["name"] for one in operation["parameters"]} == wanted | more
        assert operation["description"].startswith("Role: admin.")
