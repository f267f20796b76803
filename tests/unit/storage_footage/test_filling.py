"""Disks fill one after the other."""

from falconeye.storage.reading.filling import Filling, Room, fillings


def test_an_archive_fills_once_the_disk_for_recording_has() -> None:
    rooms = [Room(1, 400), Room(2, 1000)]
    assert fillings(rooms, 100.0) == {1: Filling(100.0, 4.0), 2: Filling(0.0, 14.0)}


def test_beside_a_full_disk_its_archive_grows() -> None:
    rooms = [Room(1, -5), Room(2, 1000), Room(3, 500)]
    assert fillings(rooms, 100.0) == {
        1: Filling(0.0, 0.0),
        2: Filling(100.0, 10.0),
        3: Filling(0.0, 15.0),
    }


def test_where_nothing_grows_nothing_is_told_of_the_future() -> None:
    assert fillings([Room(1, 400), Room(2, 0)], 0.0) == {
        1: Filling(0.0, None),
        2: Filling(0.0, 0.0),
    }
    assert fillings([], 100.0) == {}
