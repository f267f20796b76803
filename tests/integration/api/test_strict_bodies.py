"""A body of the JSON API means what it says: no text is taken for a number, no word for a yes."""

from typing import Any

import pytest

from tests.integration.api.conftest import Served


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("cameras/", {"name": "D", "protocol": "demo", "pre_roll_s": "7"}, "pre_roll_s"),
        ("cameras/", {"name": "D", "protocol": "demo", "start": "yes"}, "start"),
        ("cameras/", {"name": "D", "protocol": "demo", "audio": 1}, "audio"),
        ("cameras/{id}/events", {"kind": "bell", "duration_s": "5"}, "duration_s"),
        ("cameras/{id}/events", {"kind": "bell", "duration_s": 5.5}, "duration_s"),
        ("storage/volumes", {"path": 3}, "path"),
    ],
)
async def test_a_value_of_another_type_is_refused(
    served: Served, path: str, body: dict[str, Any], field: str
) -> None:
    new = {"name": "Demo", "protocol": "demo"}
    camera = (await served.admin.post("/api/cameras/", json=new)).json()
    answer = await served.admin.post(f"/api/{path.format(id=camera['id'])}", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].startswith(f"{field}: ")


async def test_whole_numbers_are_numbers_too(served: Served) -> None:
    body = {"name": "D", "protocol": "demo", "framerate": 10, "metadata": {"floor": 1.5}}
    assert (await served.admin.post("/api/cameras/", json=body)).status_code == 201
