"""`may`: more role never takes away, more limits never give."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.accounts.model import (
    LOWEST_ROLE,
    Action,
    Principal,
    PrincipalKind,
    Role,
    may,
    require,
)
from falconeye.base.errors import NotAllowed

CAMERAS = ("a", "b", "c")
ids = st.sampled_from(CAMERAS)
cameras = st.none() | st.frozensets(ids)
principals = st.builds(
    Principal,
    kind=st.sampled_from(PrincipalKind),
    id=st.just("1"),
    name=st.just("anna"),
    role=st.sampled_from(Role),
    cameras=cameras,
    live_only=st.booleans(),
    expires_at_us=st.none() | st.integers(0, 100),
)
actions = st.sampled_from(Action)
asked = st.none() | ids
moments = st.none() | st.integers(0, 100)


@given(principals, actions, asked, moments)
def test_more_role_takes_nothing_away(
    who: Principal, action: Action, camera: str | None, at: int | None
) -> None:
    allowed = may(who, action, camera, at_us=at)
    for role in Role:
        if role.includes(who.role) and allowed:
            assert may(dataclasses.replace(who, role=role), action, camera, at_us=at)


@given(principals, actions, asked, moments, st.frozensets(ids), st.integers(0, 100))
def test_a_limit_gives_nothing(
    who: Principal,
    action: Action,
    camera: str | None,
    at: int | None,
    some: frozenset[str],
    end: int,
) -> None:
    narrower = [
        dataclasses.replace(who, live_only=True),
        dataclasses.replace(who, cameras=some if who.cameras is None else some & who.cameras),
        dataclasses.replace(
            who, expires_at_us=end if who.expires_at_us is None else min(end, who.expires_at_us)
        ),
    ]
    if not may(who, action, camera, at_us=at):
        assert not any(may(less, action, camera, at_us=at) for less in narrower)


@given(principals, actions, ids)
def test_a_camera_that_is_not_listed_is_out_of_reach(
    who: Principal, action: Action, camera: str
) -> None:
    if who.cameras is not None and camera not in who.cameras:
        assert not may(who, action, camera)


@given(principals, actions)
def test_an_end_is_an_end(who: Principal, action: Action) -> None:
    if who.expires_at_us is not None:
        assert not may(who, action, at_us=who.expires_at_us)
        assert not may(who, action, at_us=who.expires_at_us + 1)


def test_every_action_has_its_lowest_role() -> None:
    assert set(LOWEST_ROLE) == set(Action)
    admin = Principal(PrincipalKind.USER, "1", "anna", Role.ADMIN)
    assert all(may(admin, action) and may(admin, action, "a") for action in Action)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {"VIEW_LIVE", "VIEW_FOOTAGE", "DOWNLOAD", "READ_METRICS"}),
        (
            Role.OPERATOR,
            {
                "VIEW_LIVE",
                "VIEW_FOOTAGE",
                "DOWNLOAD",
                "READ_METRICS",
                "CONTROL",
                "EXPORT",
                "TEST_CAMERA",
            },
        ),
    ],
)
def test_what_the_lower_roles_may(role: Role, allowed: set[str]) -> None:
    who = Principal(PrincipalKind.USER, "1", "anna", role)
    assert {action.name for action in Action if may(who, action)} == allowed


def test_an_admin_of_one_camera_reaches_nothing_else() -> None:
    who = Principal(PrincipalKind.USER, "1", "anna", Role.ADMIN, cameras=frozenset("a"))
    assert may(who, Action.CHANGE_CAMERA, "a")
    assert not may(who, Action.CHANGE_CAMERA)  # adding another one
    for action in (
        Action.MANAGE_USERS,
        Action.MANAGE_TOKENS,
        Action.MANAGE_SETTINGS,
        Action.READ_AUDIT,
        Action.TEST_CAMERA,
    ):
        assert not may(who, action)
        assert not may(who, action, "a")


def test_a_refusal_says_why() -> None:
    viewer = Principal(PrincipalKind.USER, "1", "anna", Role.VIEWER)
    with pytest.raises(NotAllowed, match="role viewer may not change cameras"):
        require(viewer, Action.CHANGE_CAMERA, "a")
    limited = dataclasses.replace(viewer, live_only=True)
    with pytest.raises(NotAllowed, match="limited and may not download"):
        require(limited, Action.DOWNLOAD, "a")
    require(limited, Action.VIEW_LIVE, "a")
