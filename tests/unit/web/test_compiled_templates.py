"""Templates are compiled once; then their sources are memory for nothing."""

from pathlib import Path

import jinja2

from falconeye.web.rendering import build_environment, compile_all


def test_what_is_compiled_is_rendered_without_its_source(tmp_path: Path) -> None:
    (tmp_path / "base.html").write_text("<p>{% block body %}{% endblock %}</p>", "utf-8")
    (tmp_path / "part.html").write_text("{{ name }}", "utf-8")
    page = '{% extends "base.html" %}{% block body %}{% include "part.html" %}{% endblock %}'
    (tmp_path / "page.html").write_text(page, "utf-8")
    environment = build_environment(tmp_path, str)
    compile_all(environment)
    assert isinstance(environment.loader, jinja2.DictLoader)
    assert not environment.loader.mapping
    assert environment.get_template("page.html").render(name="Yard") == "<p>Yard</p>"
