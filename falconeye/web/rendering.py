"""Jinja as every page uses it: strict, escaping, translated, with times in the site's zone.

A page is rendered from two values: `frame`, what the layout needs on every page, and `page`, the
typed context of that page (`contexts.py`). Templates see nothing else, and an undefined name is an
error rather than an empty string.
"""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from falconeye.web import i18n
from falconeye.web.contexts import Frame

AssetUrl = Callable[[str], str]


def build_environment(templates_dir: Path, asset_url: AssetUrl) -> jinja2.Environment:
    """The environment of all templates below `templates_dir`; blocks while it reads them.

    Templates and catalogues are read here, once, so that rendering never touches the disk.
    `asset_url("app.css")` gives the address of a static file, with its content hash.
    """
    for language in i18n.available_languages():
        i18n.translations(language)
    sources = {
        path.relative_to(templates_dir).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(templates_dir.rglob("*.html"))
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        auto_reload=False,
        cache_size=-1,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    install_translations(environment)
    environment.globals["asset_url"] = asset_url
    environment.filters.update(
        moment=moment,
        clock_time=clock_time,
        day=day,
        input_moment=input_moment,
        size=i18n.size_text,
        rate=i18n.rate_text,
        duration=duration,
    )
    return environment


def install_translations(environment: jinja2.Environment) -> None:
    """Make `_()` and `{% trans %}` follow the language of the current request."""
    install = environment.install_gettext_callables  # type: ignore[attr-defined]
    install(
        gettext=i18n.gettext,
        ngettext=i18n.ngettext,
        pgettext=i18n.pgettext,
        npgettext=i18n.npgettext,
        newstyle=True,
    )


def render(environment: jinja2.Environment, template: str, frame: Frame, page: Any) -> str:
    """One template as text; sets the request's language."""
    i18n.current_language.set(frame.language)
    return environment.get_template(template).render(frame=frame, page=page)


def render_part(environment: jinja2.Environment, template: str, frame: Frame, **values: Any) -> str:
    """A partial template as text; `values` are the names that its first line lists."""
    i18n.current_language.set(frame.language)
    return environment.get_template(template).render(frame=frame, **values)


def _zone(context: Context) -> tzinfo:
    frame: Frame = context["frame"]
    return frame.zone


def _time_element(when: datetime, text: str) -> Markup:
    stamp = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    title = when.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, title, escape(text))


@pass_context
def moment(context: Context, utc_us: int) -> Markup:
    """`<time>` with date and time in the site's zone."""
    when = i18n.local(utc_us, _zone(context))
    return _time_element(when, when.strftime("%Y-%m-%d %H:%M:%S"))


@pass_context
def clock_time(context: Context, utc_us: int) -> Markup:
    """`<time>` with the time of day alone."""
    when = i18n.local(utc_us, _zone(context))
    return _time_element(when, when.strftime("%H:%M:%S"))


@pass_context
def day(context: Context, utc_us: int) -> Markup:
    """`<time>` with weekday and date."""
    when = i18n.local(utc_us, _zone(context))
    weekdays = [i18n.gettext(name) for name in WEEKDAYS]
    text = f"{weekdays[when.weekday()]}, {when:%Y-%m-%d}"
    return Markup('<time datetime="{}">{}</time>').format(when.date().isoformat(), escape(text))


@pass_context
def input_moment(context: Context, utc_us: int | None, *, seconds: bool = False) -> str:
    """The value of `<input type="datetime-local">` in the site's zone; empty for None."""
    if utc_us is None:
        return ""
    form = "%Y-%m-%dT%H:%M:%S" if seconds else "%Y-%m-%dT%H:%M"
    return i18n.local(utc_us, _zone(context)).strftime(form)


def duration(duration_us: int) -> Markup:
    """`<time>` with a duration."""
    return Markup('<time datetime="{}">{}</time>').format(
        i18n.iso_duration(duration_us), i18n.duration_text(duration_us)
    )


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


WEEKDAYS: Final = (
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
)
