"""Notices about volumes, in the language of the page."""

from falconeye.storage.stores.notice_store import Notice, VolumeCause
from falconeye.web.i18n import gettext as _


def volume_words(notice: Notice) -> str:
    """What is wrong with a volume, as a sentence."""
    path = notice.camera_name
    if notice.reason is VolumeCause.ARCHIVE_RECORDS:
        return _("New footage goes to the archive {path}.").format(path=path)
    return _("The disk of {path} is missing.").format(path=path)
