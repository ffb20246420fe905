"""Loading settings: the order of sources, and refusals that name source and key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from newsletter.core.errors import ConfigurationError
from newsletter.ops.state_dir import STARTING_TOML
from newsletter.settings import Settings, load
from newsletter.settings.model import DkimSettings


def _toml(folder: Path, text: str) -> None:
    (folder / "newsletter.toml").write_text(text, "utf-8")


def _credential(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def _refused(state_dir: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(state_dir)
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_settings_of_a_folder_that_does_not_exist_are_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere") == Settings()


def test_starting_file_of_init_changes_no_default(tmp_path: Path) -> None:
    _toml(tmp_path, STARTING_TOML)
    assert load(tmp_path) == Settings()


def test_starting_file_holds_only_known_keys_when_uncommented(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("# ")
        for line in STARTING_TOML.splitlines()
        if "=" in line or line.lstrip("# ").startswith("[")
    ]
    _toml(tmp_path, "\n".join(lines))
    assert load(tmp_path).topics == {"robotics": {"title": "Robotics"}}


def test_each_source_wins_over_the_ones_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [load(tmp_path).smtp.host]
    _toml(tmp_path, '[smtp]\nhost = "toml.example"\nport = 2525')
    seen.append(load(tmp_path).smtp.host)
    _credential(tmp_path / "credentials", "smtp__host", "ours.example\n")
    seen.append(load(tmp_path).smtp.host)
    _credential(tmp_path / "systemd", "smtp.host", "systemd.example")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "systemd"))
    seen.append(load(tmp_path).smtp.host)
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "environment.example")
    seen.append(load(tmp_path).smtp.host)
    seen.append(load(tmp_path, flags={"smtp": {"host": "flag.example"}}).smtp.host)
    assert seen == [
        "localhost",
        "toml.example",
        "ours.example",
        "systemd.example",
        "environment.example",
        "flag.example",
    ]
    assert load(tmp_path).smtp.port == 2525  # the rest of a table is not lost on the way


def test_environment_reaches_topics_and_nested_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_TOPICS__ROBOTICS__TITLE", "Robotics")
    monkeypatch.setenv("NEWSLETTER_DEFAULT_HOUR", "9")
    settings = load(tmp_path)
    assert (settings.topics, settings.default_hour) == ({"robotics": {"title": "Robotics"}}, 9)


def test_keys_that_sign_are_a_list_of_tables_or_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(tmp_path).dkim == ()
    _toml(tmp_path, '[dkim]\nselector = "A1"')
    assert load(tmp_path).dkim == (DkimSettings(selector="a1"),)
    _toml(
        tmp_path,
        '[[dkim]]\nselector = "a"\n[[dkim]]\nselector = "b"\ndomain = "x.example"\nkey_file = "b.pem"',
    )
    assert load(tmp_path).dkim == (
        DkimSettings(selector="a"),
        DkimSettings(selector="b", domain="x.example", key_file="b.pem"),
    )
    monkeypatch.setenv("NEWSLETTER_DKIM__SELECTOR", "c")
    assert load(tmp_path).dkim == (DkimSettings(selector="c"),)


def test_state_dir_and_debug_variables_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_STATE_DIR", "/somewhere")
    monkeypatch.setenv("NEWSLETTER_DEBUG", "1")
    assert load(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('sendr = "a@b.example"', "unknown setting sendr\nDid you mean sender?"),
        ('[smtp]\nhots = "x"', "unknown setting smtp.hots\nDid you mean smtp.host?"),
        ('[smpt]\nhost = "x"', "unknown setting smpt\nDid you mean smtp?"),
        ('[smtp]\nsender = "a@b.example"', "smtp.sender\nsender is no key of a table: move its line above"),
        ('[web]\nbase_url = "https://b.example"', "unknown setting web.base_url\nbase_url is no key of a"),
        ("[brand]\ndefault_hour = 7", "unknown setting brand.default_hour\ndefault_hour is no key of a"),
        ("[sources.a]\nkind = 'folder'\nsmtp = 1", "unknown setting sources.a.smtp\nsmtp is no key of a"),
        (
            "[smtp]\nport = 25\n[smtp]\nport = 26",
            "twice (at line 3, column 6)\nEach table and each key stands",
        ),
        (
            "hold = 1\nhold = 2",
            "Cannot overwrite a value (at line 2, column 9)\nEach table and each key stands",
        ),
        ("[sources.a]\nkind = 'url'\nurl = 'https://b.example/{day}'", "write {date} for the day: {day}"),
        ("[sources.a]\nkind = 'url'\nurl = 'https://b.example/{DATE}.json'", "{DATE} stands for nothing"),
        ("[sources.a]\nkind = 'url'\nurl = 'https://b.example/{date}/{page}'", "{page} stands for"),
        ("[sender]\nname = 'x'", "unknown setting sender.name\nsender is a single value, not a table."),
        ("default_hour = 24", "default_hour: must be at most 23\nHour of a new reader's digest"),
        ('default_timezone = "Europe/Berln"', "default_timezone: no time zone 'Europe/Berln'"),
        ('default_timezone = "localtime"', "default_timezone: no time zone 'localtime'. Use an IANA name"),
        ('default_timezone = "UTC+1"', "Europe/Berlin, Europe/Paris"),
        ('base_url = "http://papers.example.org"', "base_url: http:// is for loopback only"),
        ('sender = "nobody"', "sender: not an address"),
        ('[smtp]\nsecurity = "ssl"', "smtp.security: must be 'starttls', 'tls' or 'none'"),
        ('[smtp]\nhost = "mx.example"\nsecurity = "none"', "smtp.security: no protection for a server"),
        ('[smtp]\npassword = "x"', "smtp.password: a password without smtp.username"),
        (
            '[brand]\nprivacy_url = "javascript:x"',
            "brand.privacy_url: write a link that starts with https://",
        ),
        ('[[dkim]]\nselektor = "x"', "unknown setting dkim.selektor\nDid you mean dkim.selector?"),
        ('[dkim]\ndomian = "x"', "unknown setting dkim.domian\nDid you mean dkim.domain?"),
        ('[[dkim]]\nselector = "a b"', "dkim.0.selector: a selector is made of letters"),
        ('[[dkim]]\nselector = "a"\ndomain = "@x"', "dkim.0.domain: write a domain"),
        ('[[dkim]]\nselector = "a"\n[[dkim]]\nselector = "A"', "dkim: two keys with the selector a"),
        ("[[dkim]]", "dkim.0.selector: is missing"),
        ('dkim = "a"', "dkim: must be a list, in [ ]"),
        ("default_hour = -1", "default_hour: must be at least 0"),
        ("default_hour = 7.5", "default_hour: must be a whole number"),
        ("sender = 3", "sender: must be text, in quotes"),
        ("delivery = 3", "delivery: must be a table"),
        ("topics = []", "topics: must be a table"),
        ("[brand]\nname = ''", "brand.name: must not be empty\nThe newsletter's name."),
        (f"[brand]\nname = '{'x' * 101}'", "brand.name: must have at most 100 characters"),
        (
            "[brand]\naccent = 'red'",
            'brand.accent: write it as #rrggbb in quotes, such as "#5546b0"\nIts colour, `#rrggbb`.',
        ),
        (
            "[brand]\nsubject = '{nmae}'",
            "brand.subject: there is no field {nmae}; use any of {name},",
        ),
        ("[review]\npause_share = 1", "review.pause_share: must be less than 1\nThe share of them"),
        ("[review]\npause_share = 'few'", "review.pause_share: must be a number"),
        ("[review]\ncanaries = 'a@b.example'", "review.canaries: must be a list, in [ ]"),
        ("[watch]\nweekends = 'perhaps'", "watch.weekends: must be true or false"),
        ("sender = ", "newsletter.toml is not valid TOML: Invalid value (at line 1, column"),
        ("\n\n[smtp", "is not valid TOML: Expected ']' at the end of a table declaration (at line 3"),
    ],
)
def test_bad_toml_is_refused_with_file_and_key(tmp_path: Path, text: str, expected: str) -> None:
    _toml(tmp_path, text)
    message = _refused(tmp_path)
    assert str(tmp_path / "newsletter.toml") in message
    assert expected in message


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("NEWSLETTER_SENDR", "x", "environment variable NEWSLETTER_SENDR: unknown setting sendr"),
        ("NEWSLETTER_SENDR", "x", "Did you mean NEWSLETTER_SENDER?"),
        ("NEWSLETTER_SMTP__HOTS", "x", "Did you mean NEWSLETTER_SMTP__HOST?"),
        ("NEWSLETTER_SMTP_HOST", "x", "environment variable NEWSLETTER_SMTP_HOST: unknown setting"),
        (
            "NEWSLETTER_SMTP__PORT",
            "many",
            "environment variable NEWSLETTER_SMTP__PORT: must be a whole number",
        ),
        ("NEWSLETTER_SMTP", "{", "an environment variable cannot be read"),
    ],
)
def test_bad_environment_is_refused_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert expected in _refused(tmp_path)


def test_unknown_credential_of_ours_is_refused_and_of_systemd_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _credential(tmp_path / "systemd", "tls.key", "x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "systemd"))
    assert load(tmp_path) == Settings()
    _credential(tmp_path / "credentials", "secretkey", "x")
    assert "unknown setting secretkey\nDid you mean secret_key?" in _refused(tmp_path)


def test_unprotected_mail_server_is_allowed_on_loopback_and_when_said(tmp_path: Path) -> None:
    _toml(tmp_path, '[smtp]\nhost = "127.0.0.1"\nsecurity = "none"')
    assert load(tmp_path).smtp.protection == "none"
    _toml(tmp_path, '[smtp]\nhost = "mx.example"\nsecurity = "none"\nallow_insecure = true')
    assert load(tmp_path).smtp.protection == "none"


def test_protection_that_is_not_set_is_starttls_off_this_machine(tmp_path: Path) -> None:
    hosts = ("localhost", "127.0.0.9", "::1", "mx.example", "127.example.org")
    found = [load(tmp_path, flags={"smtp": {"host": host}}).smtp.protection for host in hosts]
    assert found == ["none", "none", "none", "starttls", "starttls"]


def test_settings_show_no_secret_and_do_not_change(tmp_path: Path) -> None:
    _toml(tmp_path, 'secret_key = "hush"\ndatabase_url = "postgresql+psycopg://u:hush@h/d"')
    settings = load(tmp_path)
    assert "hush" not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ValidationError):
        settings.default_hour = 8  # type: ignore[misc]


def test_refusal_of_a_bad_value_does_not_print_it(tmp_path: Path) -> None:
    _credential(tmp_path / "credentials", "smtp__password", "hush")
    _toml(tmp_path, "[smtp]\nport = 99999999")
    assert "hush" not in _refused(tmp_path)


@pytest.mark.parametrize(
    "value", ['"zzz zzz"', '""', "-1", "1.5", "true", "[1]", '["a b"]', "{a = 1}", "[[1]]", "99999999999"]
)
def test_no_setting_is_refused_in_the_words_of_a_library(tmp_path: Path, value: str) -> None:
    told = []
    for name in _names(Settings, ()):
        _toml(tmp_path, f"{name} = {value}")
        try:
            load(tmp_path)
        except ConfigurationError as error:
            told.append(error.message)
    raw = ("Input should", "unable to", "Value error", "valid", "right form", "pydantic")
    assert len(told) > 10
    assert not [message for message in told if any(words in message for words in raw)]


def _names(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """Every key of the settings and their tables, as one dotted name."""
    for name, field in model.model_fields.items():
        yield ".".join((*path, name))
        is_named = get_origin(field.annotation) is dict  # [sources.<name>]
        for table in (field.annotation, *get_args(field.annotation)):
            if isinstance(table, type) and issubclass(table, BaseModel):
                yield from _names(table, (*path, name, *(("some",) if is_named else ())))
