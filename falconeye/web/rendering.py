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

from falconeye.web import audit_words, i18n
from falconeye.web.contexts import Frame
from falconeye.web.help.places import target_of
from falconeye.web.help.topics import HELP_FOLDER
from falconeye.web.said import said

AssetUrl = Callable[[str], str]


def build_environment(templates_dir: Path, asset_url: AssetUrl) -> jinja2.Environment:
    """The environment of all templates below `templates_dir`; blocks while it reads them.

    Templates and catalogues are read here, once, so that rendering never touches the disk; but for
    those of the help, which `falconeye.web.help.book` reads when somebody asks for them.
    `asset_url("app.css")` gives the address of a static file, with its content hash.
    """
    i18n.keep_catalogues()
    sources = {
        path.relative_to(templates_dir).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(templates_dir.rglob("*.html"))
        if path.parent != templates_dir / HELP_FOLDER
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
    environment.globals["help_target"] = target_of
    environment.filters.update(
        moment=moment,
        clock_time=clock_time,
        hour_time=i18n.hour_text,
        said=said,
        action_words=audit_words.action_words,
        kind_words=audit_words.kind_words,
        told_file=audit_words.told_file,
        with_code=with_code,
        day=day,
        input_moment=input_moment,
        size=i18n.size_text,
        rate=i18n.rate_text,
        number=i18n.number_text,
        duration=duration,
    )
    return environment


def compile_all(environment: jinja2.Environment) -> None:
    """Compile each template, and forget their sources: what was compiled is kept, and they are not.

    Half a megabyte. Blocks for half a second.
    """
    for name in environment.list_templates():
        environment.get_template(name)
    if isinstance(environment.loader, jinja2.DictLoader):
        environment.loader.mapping = {}


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
    _follow(frame)
    return environment.get_template(template).render(frame=frame, page=page)


def render_part(environment: jinja2.Environment, template: str, frame: Frame, **values: Any) -> str:
    """A partial template as text; `values` are the names that its first line lists."""
    _follow(frame)
    return environment.get_template(template).render(frame=frame, **values)


def _follow(frame: Frame) -> None:
    i18n.current_language.set(frame.language)
    i18n.current_clock.set(frame.clock)


def _zone(context: Context) -> tzinfo:
    frame: Frame = context["frame"]
    return frame.zone


def _time_element(when: datetime, text: str) -> Markup:
    stamp = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    title = f"{when:%Y-%m-%d} {i18n.clock_text(when, seconds=True)} {when:%Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, title, escape(text))


@pass_context
def moment(context: Context, utc_us: int) -> Markup:
    """`<time>` with date and time in the site's zone."""
    when = i18n.local(utc_us, _zone(context))
    return _time_element(when, f"{when:%Y-%m-%d} {i18n.clock_text(when, seconds=True)}")


@pass_context
def clock_time(context: Context, utc_us: int, *, seconds: bool = True) -> Markup:
    """`<time>` with the time of day alone."""
    when = i18n.local(utc_us, _zone(context))
    return _time_element(when, i18n.clock_text(when, seconds=seconds))


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


def with_code(text: str) -> Markup:
    """A text in which words in backticks are code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


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
