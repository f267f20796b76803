"""What the node works on by itself as the templates' values: in words."""

from collections.abc import Callable

from falconeye.base.times import SECOND_US
from falconeye.jobs.system_work import SystemWork, WorkKind, WorkState
from falconeye.web import i18n
from falconeye.web.i18n import gettext as _
from falconeye.web.i18n import ngettext
from falconeye.web.job_contexts import WorkRow


def work_row(work: SystemWork, name_of: Callable[[str], str]) -> WorkRow:
    """One piece of it; `name_of`: a camera's name by its id."""
    return WorkRow(
        id=work.id,
        what=_what(work, name_of),
        state=work.state.value,
        is_over=work.state.is_over,
        detail=_detail(work),
        share=work.share,
        trouble=_trouble(work),
        hint=_hint(work),
        by=work.by,
        since_us=work.since_us,
        ended_us=work.ended_us,
        link="/storage" if work.kind is WorkKind.MOVE else "",
        acts=tuple(act.value for act in work.acts),
    )


def _what(work: SystemWork, name_of: Callable[[str], str]) -> str:
    match work.kind:
        case WorkKind.MOVE:
            return _("Moves footage off {path}").format(path=work.subject)
        case WorkKind.INDEX:
            return _("Makes the list of footage anew")
        case WorkKind.REDATING:
            return _("Gives footage of a wrong clock its right times")
        case WorkKind.BACKUP:
            return _("Nightly backup")
        case WorkKind.DELETION:
            return _("Deletes footage of {camera}").format(camera=name_of(work.subject))


def _detail(work: SystemWork) -> str:
    match work.kind:
        case WorkKind.MOVE:
            return _moved(work)
        case WorkKind.REDATING:
            shift = i18n.duration_text(abs(work.shift_us) // SECOND_US * SECOND_US)
            words = (
                _("the clock was {time} behind")
                if work.shift_us > 0
                else _("the clock was {time} ahead")
            )
            return ", ".join(filter(None, (words.format(time=shift), _files(work))))
        case WorkKind.BACKUP:
            return _backed_up(work)
    return _files(work)


def _files(work: SystemWork) -> str:
    if work.files is None:
        return ""
    if work.files.total is None or work.state is WorkState.COMPLETE:
        return ngettext("{files} file", "{files} files", work.files.done).format(
            files=work.files.done
        )
    words = ngettext("{done} of {files} file", "{done} of {files} files", work.files.total)
    return words.format(done=work.files.done, files=work.files.total)


def _moved(work: SystemWork) -> str:
    if work.files is None or work.size_bytes is None:
        return ""
    size = i18n.size_text(work.size_bytes.done)
    done = work.files.done
    if work.state.is_over:
        words = ngettext("{files} file, {size}", "{files} files, {size}", done)
        return words.format(files=done, size=size)
    if work.size_bytes.total is None:
        words = ngettext("{files} file, {size} so far", "{files} files, {size} so far", done)
        return words.format(files=done, size=size)
    left = i18n.size_text(work.size_bytes.total - work.size_bytes.done)
    words = ngettext(
        "{files} file, {size} so far, {left} left",
        "{files} files, {size} so far, {left} left",
        done,
    )
    return words.format(files=done, size=size, left=left)


def _backed_up(work: SystemWork) -> str:
    if work.size_bytes is None:
        return _("none was made yet")
    size = i18n.size_text(work.size_bytes.done)
    words = _("the last one: {size}") if work.state is WorkState.FAILED else "{size}"
    where = _(", in {directory}") if work.subject else ""
    return words.format(size=size) + where.format(directory=work.subject)


def _trouble(work: SystemWork) -> str:
    if work.kind is WorkKind.INDEX and work.state is WorkState.PENDING:
        return _("waits for {disks}").format(disks=work.trouble)
    if work.kind is WorkKind.REDATING and work.state is WorkState.PENDING:
        return _("waits for files that are open, or for their disk")
    return work.trouble


def _hint(work: SystemWork) -> str:
    """What its state means for the footage."""
    if work.kind is WorkKind.MOVE and work.state is WorkState.PAUSED:
        return _(
            "It stays paused, also over a restart; on a full disk the oldest footage is deleted."
        )
    if work.kind is WorkKind.INDEX and work.state is WorkState.CANCELLED:
        return _(
            "What is not on the list appears nowhere. A restart goes on, and a full disk does."
        )
    return ""
