"""What the node works on by itself, in the words of the page."""

import pytest

from falconeye.jobs.system_work import Amount, SystemWork, WorkKind, WorkState
from falconeye.storage.segments.volume_changes import Held, held_words
from falconeye.web.work_views import work_row


def detail(kind: WorkKind, files: Amount, size_bytes: Amount | None = None) -> str:
    work = SystemWork("1", kind, WorkState.PROCESSING, files=files, size_bytes=size_bytes)
    return work_row(work, str).detail


@pytest.mark.parametrize(
    ("kind", "files", "size_bytes", "words"),
    [
        (WorkKind.MOVE, Amount(1), Amount(5), "1 file, 5 B so far"),
        (WorkKind.MOVE, Amount(2), Amount(5), "2 files, 5 B so far"),
        (WorkKind.MOVE, Amount(1, 3), Amount(5, 15), "1 file, 5 B so far, 10 B left"),
        (WorkKind.MOVE, Amount(0, 3), Amount(0, 15), "0 files, 0 B so far, 15 B left"),
        (WorkKind.INDEX, Amount(1), None, "1 file"),
        (WorkKind.INDEX, Amount(1, 1), None, "1 of 1 file"),
        (WorkKind.INDEX, Amount(1, 2), None, "1 of 2 files"),
    ],
)
def test_one_file_is_no_files(
    kind: WorkKind, files: Amount, size_bytes: Amount | None, words: str
) -> None:
    assert detail(kind, files, size_bytes) == words


def test_what_lies_on_a_disk() -> None:
    assert held_words(Held(1, 2_000_000_000, waiting=1, exports=1)) == (
        "2.0 GB of footage in 1 file, 1 file that is being written, moved or deleted, 1 export"
    )
    assert held_words(Held(2, 2_000_000_000, waiting=2, exports=2)) == (
        "2.0 GB of footage in 2 files, 2 files that are being written, moved or deleted, 2 exports"
    )
