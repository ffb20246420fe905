from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.core.errors import ConfigurationError
from newsletter.render.document import encode_part, render_document, shared_context
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand

REFUSED = [
    "{% if my.greeting %}x{% endif %}",
    "{% if not my.greeting %}x{% endif %}",
    "{% if my.greeting == 'x' %}x{% endif %}",
    "{% if my.greeting != none %}x{% endif %}",
    "{% if my.greeting < 'x' %}x{% endif %}",
    "{% if 'x' in my.greeting %}x{% endif %}",
    "{% for letter in my.greeting %}x{% endfor %}",
    "{{ my.greeting | upper }}",
    "{{ my.greeting | length }}",
    "{{ my.greeting | safe }}",
    "{{ my.greeting | e }}",
    "{{ my.greeting | string }}",
    "{{ my.greeting | replace('a', 'b') }}",
    "{{ my.greeting | default('x', true) }}",
    "{{ [my.greeting, 'x'] | join(', ') }}",
    "{{ my.greeting ~ 'x' }}",
    "{{ 'x' ~ my.greeting }}",
    "{{ my.greeting + 'x' }}",
    "{{ 'x' + my.greeting }}",
    "{{ 'x %s' | format(my.greeting) }}",
    "{{ 'x %s' % my.greeting }}",
    "{{ '{}'.format(my.greeting) }}",
    "{{ my.greeting * 2 }}",
    "{{ my.greeting[0] }}",
    "{{ my.greeting.upper() }}",
    "{{ my.greeting() }}",
    "{{ digest.number + 1 }}",
    "{{ digest.number | int }}",
    "{{ my }}",
    "{{ my.no_such_thing }}",
    "{{ digest.unsubscribe_url }}",
    "{{ no_such_thing }}",
    "{{ brand.__class__.__mro__ }}",
    "{{ 1 / 0 }}",
]


def _environment(tmp_path: Path, **templates: str) -> MailEnvironment:
    folder = tmp_path / "email" / "trial"
    folder.mkdir(parents=True)
    for name, source in templates.items():
        (folder / f"{name}.j2").write_text(source, "utf-8")
    return MailEnvironment([tmp_path])


@pytest.mark.parametrize("source", REFUSED)
@pytest.mark.parametrize("part", ["html", "txt"])
def test_a_slot_can_only_be_printed(tmp_path: Path, part: str, source: str) -> None:
    environment = _environment(tmp_path, **{part: f"one\ntwo {{{{ my.greeting }}}}\n{source}\n"})
    with pytest.raises(ConfigurationError) as caught:
        environment.part(f"email/trial/{part}.j2", shared_context(Brand(), {}))
    assert (caught.value.ids["template"], caught.value.ids["line"]) == (f"email/trial/{part}.j2", 3)
    assert caught.value.exit_code == 78


def test_a_fault_in_an_included_template_is_found_there(tmp_path: Path) -> None:
    environment = _environment(
        tmp_path,
        html='\n{% include "email/trial/inner.html.j2" %}',
        **{"inner.html": "\n\n{{ my.greeting|upper }}"},
    )
    with pytest.raises(ConfigurationError) as caught:
        environment.part("email/trial/html.j2", shared_context(Brand(), {}))
    assert (caught.value.ids["template"], caught.value.ids["line"]) == ("email/trial/inner.html.j2", 3)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    environment = _environment(tmp_path, html="\n\n{% if x %}")
    with pytest.raises(ConfigurationError) as caught:
        environment.part("email/trial/html.j2", {})
    assert (caught.value.ids["template"], caught.value.ids["line"]) == ("email/trial/html.j2", 3)


def test_slots_pass_through_macros_and_blocks(tmp_path: Path) -> None:
    environment = _environment(
        tmp_path,
        html='{% macro to(url) %}<a href="{{ url }}#x">{{ my.greeting }}</a>{% endmacro %}'
        "<p>{{ to(my.web_url) }}</p>",
    )
    shown = render_document(environment, "email/trial", "html", shared_context(Brand(), {}))
    assert encode_part(environment.slot_marker, "email/trial", shown) == (
        b'<html><head></head><body><p><a href=3D"=\r\n\x00my.web_url\x00#x">=\r\n\x00my.greeting\x00'
        b"</a></p></body></html>=\r\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "{% set x %}{{ my.greeting }}{% endset %}{{ x | upper }}",
        "{% set x %}{{ my.greeting }}{% endset %}{{ x | truncate(12, true, '') }}",
        "{% filter replace('-', '+') %}{{ my.greeting }}{% endfilter %}",
    ],
)
def test_a_slot_that_was_changed_after_printing_is_refused(tmp_path: Path, source: str) -> None:
    environment = _environment(tmp_path, html=source)
    with pytest.raises(ConfigurationError, match="changed after it was printed"):
        encode_part(
            environment.slot_marker,
            "email/trial",
            render_document(environment, "email/trial", "html", shared_context(Brand(), {})),
        )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('<a href="https://x.example/{{ my.web_url }}">x</a>', "does not start with a slot"),
        ('<a href="https://x.example/?a={{ my.greeting }}">x</a>', "does not start with a slot"),
        ('<a href="javascript:{{ my.reader_token }}">x</a>', "does not start with a slot"),
        ('<a href="{{ my.reader_token }}">x</a>', "does not start with a slot"),
        ('<a href="{{ my.greeting }}">x</a>', "does not start with a slot"),
        ('<img src="{{ my.greeting }}">', "does not start with a slot"),
        ('<p style="color: {{ my.greeting }}">x</p>', "attribute style"),
        ('<p onclick="{{ my.greeting }}">x</p>', "attribute onclick"),
        ("<script>{{ my.greeting }}</script>", "inside <script>"),
        ('<style data-premailer="ignore">{{ my.greeting }}</style>', "inside <style>"),
        ("<!-- {{ my.greeting }} -->", "in a comment"),
        ("<p {{ my.greeting }}>x</p>", "outside of an attribute's value"),
    ],
)
def test_slots_are_accepted_only_where_their_values_are_safe(tmp_path: Path, source: str, words: str) -> None:
    environment = _environment(tmp_path, html=f"<p>{source}</p>")
    with pytest.raises(ConfigurationError, match=words):
        render_document(environment, "email/trial", "html", shared_context(Brand(), {}))


def test_templates_reach_neither_the_environment_nor_python(tmp_path: Path) -> None:
    environment = _environment(
        tmp_path,
        txt="{{ self.__init__.__globals__ }}",
        html="{{ joiner.__init__.__globals__['os'].environ }}",
        other="{{ brand.name.__class__.__base__.__subclasses__() }}",
    )
    for name in ("txt", "html", "other"):
        with pytest.raises(ConfigurationError):
            environment.part(f"email/trial/{name}.j2", shared_context(Brand(), {}))
    assert sorted(environment.globals) == ["dict", "joiner", "namespace", "range"]
