"""A download stands in the audit log once, however many ranges are asked for."""

from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.web.audit_once import MAX_REMEMBERED, DownloadAudit
from tests.clock import FakeClock

ANNA = Principal(PrincipalKind.USER, "1", "anna", Role.VIEWER)
BERT = Principal(PrincipalKind.USER, "2", "bert", Role.VIEWER)


def test_one_entry_per_person_recording_purpose_and_ten_minutes(clock: FakeClock) -> None:
    audit = DownloadAudit()
    assert audit.is_new(ANNA, "r1", "downloaded", clock)
    clock.advance(599)
    assert not audit.is_new(ANNA, "r1", "downloaded", clock)
    assert audit.is_new(BERT, "r1", "downloaded", clock)
    assert audit.is_new(ANNA, "r2", "downloaded", clock)
    assert audit.is_new(ANNA, "r1", "viewed", clock)
    clock.advance(1)
    assert audit.is_new(ANNA, "r1", "downloaded", clock)


def test_it_holds_no_more_than_so_many(clock: FakeClock) -> None:
    audit = DownloadAudit()
    for number in range(MAX_REMEMBERED + 1):
        assert audit.is_new(ANNA, str(number), "viewed", clock)
    assert not audit.is_new(ANNA, "1", "viewed", clock)
    assert audit.is_new(ANNA, "0", "viewed", clock)  # forgotten: written down once more
