"""Notices about volumes and the certificate for browsers, in the language of the page."""

from falconeye.storage.stores.notice_store import CertificateCause, Notice, VolumeCause
from falconeye.web.i18n import gettext as _


def volume_words(notice: Notice) -> str:
    """What is wrong with a volume, as a sentence."""
    return disk_words(notice.camera_name, notice.reason)


def disk_words(path: str, cause: str) -> str:
    """The same, of what another node told."""
    if cause == VolumeCause.ARCHIVE_RECORDS:
        return _("New footage goes to the archive {path}.").format(path=path)
    return _("The disk of {path} is missing.").format(path=path)


def certificate_words(cause: str) -> str:
    """What is wrong with the certificate, as a sentence; also of what a newer release told."""
    words = {
        CertificateCause.ENDS_SOON.value: _("The HTTPS certificate ends soon."),
        CertificateCause.ENDED.value: _("The HTTPS certificate has ended: browsers refuse it."),
        CertificateCause.NOT_BEGUN.value: _(
            "The HTTPS certificate is not valid yet: is the clock right?"
        ),
        CertificateCause.UNUSABLE.value: _(
            "The new HTTPS certificate cannot be used: the one before it is still served."
        ),
    }
    return words.get(cause) or _("Something is wrong with the HTTPS certificate.")


def certificate_help(cause: str) -> str:
    """Where the help tells what to do about it."""
    return f"https#{cause}" if cause in set(CertificateCause) else "https"
