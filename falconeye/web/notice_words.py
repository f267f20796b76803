"""Notices about volumes, in the language of the page."""

from falconeye.storage.stores.notice_store import Notice, VolumeCause
from falconeye.web.i18n import gettext as _


def volume_words(notice: Notice) -> str:
    """What is wrong with a volume, as a sentence."""
    return disk_words(notice.camera_name, notice.reason)


def disk_words(path: str, cause: str) -> str:
    """The same, of what another node told."""
    if cause == VolumeCause.ARCHIVE_RECORDS:
        return _("New footage goes to the archive {path}.").format(path=path)
    return _("The disk of {path} is missing.").format(path=path)
