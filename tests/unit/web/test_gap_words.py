"""Why something was not recorded, in the language of who reads it."""

from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.web.api.recording_models import gap_answer
from falconeye.web.views import gap_words
from tests.browser.layout_probes import spoken

REFUSED = Gap(0, 1, GapReason.CAMERA_OFFLINE, "the camera refused the password")


def test_what_was_wrong_with_a_camera_is_said_in_the_language_of_the_page() -> None:
    assert gap_words(REFUSED) == "the camera was offline: the camera refused the password"
    with spoken("de"):
        assert gap_words(REFUSED).endswith("war: die Kamera hat das Passwort abgelehnt")
        assert gap_answer(REFUSED)["detail"] == "die Kamera hat das Passwort abgelehnt"


def test_that_it_connects_is_no_reason() -> None:
    assert gap_words(Gap(0, 1, GapReason.CAMERA_OFFLINE, "connecting")) == "the camera was offline"


def test_a_name_is_no_text_of_ours() -> None:
    gap = Gap(0, 1, GapReason.DELETED_BY_PERSON, "no video")
    with spoken("de"):
        assert gap_answer(gap)["detail"] == "no video"
        assert "no video" in gap_words(gap)
