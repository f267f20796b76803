"""Notices in the database, and where they go: encrypted, shown without what is secret."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores import notice_store
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.stores.destinations import shown_settings
from falconeye.storage.stores.notice_store import Notice, NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.tables.node import SETTINGS

TELEGRAM = "tgram://123456:token-of-the-bot/42"
MAIL = "mailto://anna:password@mail.example"
HOOK = "https://ha.example:8123/api/webhook/secret-id"


def notice(number: int, camera: str = "yard", **more: Any) -> Notice:
    return Notice(f"n{number}", camera, camera, 1000 * number, GapReason.CAMERA_OFFLINE, **more)


async def test_notices_are_kept_and_listed_newest_first(database: Database) -> None:
    store = NoticeStore(database)
    first, second, third = notice(1, until_us=1500), notice(2, "gate"), notice(3, sent_us=3100)
    await store.save([first, second, third])
    assert await store.list(limit=10) == ([third, second, first], 3)
    assert await store.list(limit=1, offset=1) == ([second], 3)
    assert await store.list(active=True, limit=10) == ([third, second], 2)
    assert await store.list(active=False, limit=10) == ([first], 1)
    assert await store.list(cameras={"gate"}, limit=10) == ([second], 1)
    assert await store.list(cameras=frozenset(), limit=10) == ([], 0)
    assert await store.active() == [second, third]
    ended = replace(third, until_us=4000)
    await store.save([ended])
    assert await store.active() == [second]
    cause = ("yard", GapReason.CAMERA_OFFLINE)
    assert await store.last_sent(3000) == {cause: 3100}
    assert await store.last_sent(3100) == {}


async def test_the_oldest_beyond_the_bound_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_store, "KEPT", 3)
    store = NoticeStore(database)
    await store.save([notice(0), *(notice(number, until_us=9000) for number in range(1, 6))])
    found, total = await store.list(limit=10)
    assert [each.id for each in found] == ["n5", "n4", "n3", "n0"]  # one that lasts stays
    assert total == 4


@pytest.fixture
def cipher() -> CredentialCipher:
    return CredentialCipher([Fernet.generate_key()], "the test")


async def opened_store(database: Database, cipher: CredentialCipher | None) -> SettingsStore:
    store = SettingsStore(database, cipher)
    await store.load()
    return store


async def test_by_default_nothing_is_set(database: Database) -> None:
    current = (await opened_store(database, None)).current
    assert shown_settings(current.model_dump()) == {
        "notify_urls": [], "webhook_url": None, "webhook_secret": None, "heartbeat_url": None,
    }  # fmt: skip
    assert (current.notify_cooldown_minutes, current.notify_allow_local) == (15, False)


async def test_destinations_are_encrypted_and_shown_without_secrets(
    database: Database, cipher: CredentialCipher
) -> None:
    store = await opened_store(database, cipher)
    changes = {
        "notify_urls": [TELEGRAM, MAIL],
        "webhook_url": HOOK,
        "webhook_secret": "a secret of sixteen",
        "heartbeat_url": "http://monitor.example",
    }
    current = await store.patch(changes)
    visible = shown_settings(current.model_dump())
    assert visible == {
        "notify_urls": ["tgram://***", "mailto://***"],
        "webhook_url": "https://ha.example:8123/***",
        "webhook_secret": "***",
        "heartbeat_url": "http://monitor.example/",
    }

    async def stored(connection: Any) -> str:
        return str([tuple(row) for row in await connection.execute(select(SETTINGS))])

    text = await database.read(stored) + str(current) + repr(store.opened(current.notify_urls[0]))
    for secret in ("token-of-the-bot", "password", "secret-id", "secret of sixteen"):
        assert secret not in text
    assert [store.opened(each).reveal() for each in current.notify_urls] == [TELEGRAM, MAIL]
    # What is shown stands for what is stored, also in another order and beside new ones.
    again = await store.patch({**visible, "notify_urls": ["mailto://***", "ntfy://x", TELEGRAM]})
    assert [store.opened(each).reveal() for each in again.notify_urls] == [
        MAIL, "ntfy://x", TELEGRAM,
    ]  # fmt: skip
    assert again.webhook_url == current.webhook_url
    # Of two that look alike the first stands for the first.
    alike = await store.patch({"notify_urls": ["ntfy://a", "ntfy://b"]})
    kept = await store.patch({"notify_urls": ["ntfy://***", "ntfy://***", "ntfy://c"]})
    assert kept.notify_urls[:2] == alike.notify_urls
    gone = await store.patch({"notify_urls": [], "webhook_url": "", "webhook_secret": None})
    assert (gone.notify_urls, gone.webhook_url, gone.webhook_secret) == ((), None, None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("webhook_url", "ftp://x", "begins with https"),
        ("webhook_url", "https://", "begins with https"),
        ("webhook_url", "https://anna:pw@x/", "without a login"),
        ("webhook_url", "https://x:99999/", "cannot be read"),
        ("webhook_url", "https://x/***", "in full"),
        ("webhook_url", 7, "a text"),
        ("webhook_url", [], "a text"),
        ("webhook_secret", {"a": "b"}, "a text"),
        ("heartbeat_url", "http://x/a b", "spaces"),
        ("webhook_secret", "short", "at least 16"),
        ("notify_urls", "ntfy://x", "a list"),
        ("notify_urls", ["x"], "begins with the name"),
        ("notify_urls", ["tgram://***"], "in full"),
        ("notify_urls", ["ntfy://x"] * 21, "more than 20"),
        ("notify_urls", ["ntfy://" + "x" * 2000], "too long"),
        ("notify_cooldown_minutes", -1, "greater than or equal to 0"),
        ("notify_allow_local", "yes", "valid boolean"),
    ],
)
async def test_what_is_wrong_is_said(
    database: Database, cipher: CredentialCipher, name: str, value: object, words: str
) -> None:
    store = await opened_store(database, cipher)
    with pytest.raises(InvalidInput, match=words) as caught:
        await store.patch({name: value})
    assert caught.value.field == name


async def test_another_data_key_reads_nothing(database: Database, cipher: CredentialCipher) -> None:
    store = await opened_store(database, cipher)
    _ = await store.patch({"webhook_url": HOOK})
    other = await opened_store(database, CredentialCipher([Fernet.generate_key()], "another"))
    assert other.current.webhook_url
    with pytest.raises(CredentialUnreadable, match="another key"):
        other.opened(other.current.webhook_url)
    without = await opened_store(database, None)
    with pytest.raises(Unavailable, match="data key"):
        await without.patch({"webhook_url": HOOK})
