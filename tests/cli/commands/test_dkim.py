"""`newsletter dkim`, and the mails that are signed with its keys."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from newsletter.delivery.message.dkim_keys import DkimKey, parse
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.delivery.message.signed_mail import verified
from tests.smtp_servers.recording import RecordingServer

SENDER = 'sender = "Papers <news@papers.example>"\n'
SIGNED = '[[dkim]]\nselector = "newsletter-rsa"\n'


def _key(row: dict[str, str]) -> DkimKey:
    return parse(Path(row["key_file"]).read_bytes(), domain=row["domain"], selector=row["selector"])


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_keygen_makes_a_private_file_and_prints_what_to_publish(shell: Shell, algorithm: str) -> None:
    shell.settings(SENDER)
    row = shell.ok("dkim", "keygen", "--algorithm", algorithm, "--json").json
    file = shell.state_dir / "dkim" / f"newsletter-{algorithm}.pem"
    record = _key(row).record
    assert row == {
        "selector": f"newsletter-{algorithm}",
        "domain": "papers.example",
        "algorithm": algorithm,
        "key_file": str(file),
        "name": f"newsletter-{algorithm}._domainkey.papers.example",
        "relative_name": f"newsletter-{algorithm}._domainkey",
        "type": "TXT",
        "value": record.value,
        "strings": list(record.strings),
        "settings": f'[[dkim]]\nselector = "newsletter-{algorithm}"\n'
        f'key_file = "dkim/newsletter-{algorithm}.pem"',
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_settings_that_keygen_prints_sign_and_show_prints_the_same_record(shell: Shell) -> None:
    made = [shell.ok("dkim", "keygen", "--algorithm", name, "--json").json for name in ("rsa", "ed25519")]
    shell.settings(SENDER + "\n".join(row.pop("settings") for row in made))
    shell_says = shell.ok("dkim", "show", "--json").json
    assert shell_says == [
        row | {"domain": "papers.example", "name": f"{row['selector']}._domainkey.papers.example"}
        for row in made
    ]
    shown = shell.ok("dkim", "show").stdout
    for row in shell_says:
        assert f"\n{_key(row).record.zone_lines}\n" in shown
        assert f"\nvalue: {row['value']}\n" in shown


@pytest.mark.parametrize(
    ("sender", "names"),
    [
        ("example.org", ["s._domainkey", "s._domainkey.example.org, if the form wants the whole name"]),
        (
            "news.example.org",
            [
                "s._domainkey",
                "s._domainkey.news, if your zone is example.org",
                "s._domainkey.news.example.org, if the form wants the whole name",
            ],
        ),
        (
            "news.example.co.uk",
            [
                "s._domainkey",
                "s._domainkey.news, if your zone is example.co.uk",
                "s._domainkey.news.example.co.uk, if the form wants the whole name",
            ],
        ),
        (
            "bücher.example",
            ["s._domainkey", "s._domainkey.xn--bcher-kva.example, if the form wants the whole name"],
        ),
    ],
)
def test_record_is_printed_for_a_form_of_a_provider(shell: Shell, sender: str, names: list[str]) -> None:
    shell.settings(f'sender = "Papers <news@{sender}>"\n')
    row = shell.ok("dkim", "keygen", "--selector", "s", "--json").json
    shell.settings(f'sender = "Papers <news@{sender}>"\n' + row["settings"])
    lines = shell.ok("dkim", "show").stdout.splitlines()
    start = lines.index(f"name:  {names[0]}")
    assert [line.strip() for line in lines[start + 1 : start + len(names)]] == names[1:]
    assert lines[start + len(names) :][:2] == ["type:  TXT", f"value: {row['value']}"]
    assert row["relative_name"] == "s._domainkey"


def test_keygen_for_people_prints_record_and_settings_on_stdout(shell: Shell) -> None:
    shell.settings(SENDER)
    answer = shell.ok("dkim", "keygen", "--algorithm", "ed25519", "--selector", "S2027")
    form, _, rest = answer.stdout.partition("In a zone file:\n\n")
    record, _, lines = rest.partition(" )\n")
    assert "name:  s2027._domainkey\n" in form
    assert record.startswith('s2027._domainkey.papers.example. IN TXT (\n    "v=DKIM1; k=ed25519; p=')
    assert tomllib.loads(lines) == {"dkim": [{"selector": "s2027", "key_file": "dkim/s2027.pem"}]}
    assert str(shell.state_dir / "dkim/s2027.pem") in answer.stderr


def test_keygen_overwrites_only_when_forced(shell: Shell) -> None:
    file = shell.state_dir / "dkim" / "newsletter-rsa.pem"
    shell.ok("dkim", "keygen")
    first = file.read_bytes()
    again = shell("dkim", "keygen", "--json")
    assert (again.code, set(again.json), file.read_bytes()) == (1, {"error", "hint"}, first)
    assert str(file) in again.json["error"]
    shell.ok("dkim", "keygen", "--force")
    assert file.read_bytes() != first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("selector", ["", "a b", "../x", "-a", "a.", "é", "x" * 64])
def test_keygen_refuses_what_is_no_selector(shell: Shell, selector: str) -> None:
    answer = shell("dkim", "keygen", "--selector", selector)
    assert (answer.code, answer.stdout) == (2, "")
    assert not (shell.state_dir / "dkim").exists()


def test_keygen_without_init_makes_nothing(bare: Shell) -> None:
    assert bare("dkim", "keygen").code in (1, 78)
    assert not bare.state_dir.exists()


def test_keygen_says_when_the_sender_is_not_set(shell: Shell) -> None:
    assert "sender is not set" in shell.ok("dkim", "keygen", "--algorithm", "ed25519").stderr


def test_show_without_a_key_says_that_nothing_is_signed(shell: Shell) -> None:
    answer = shell.ok("dkim", "show")
    assert (answer.stdout, "not signed" in answer.stderr) == ("", True)
    assert shell.ok("dkim", "show", "--json").json == []


def test_show_warns_of_a_key_that_others_may_read(shell: Shell) -> None:
    shell.ok("dkim", "keygen")
    shell.settings(SENDER + SIGNED)
    assert shell.ok("dkim", "show").stderr == ""
    file = shell.state_dir / "dkim/newsletter-rsa.pem"
    file.chmod(0o644)
    assert str(file) in shell.ok("dkim", "show").stderr


def _small() -> bytes:
    return generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@pytest.mark.parametrize(
    "content", [None, b"no key", b"", _small()], ids=["missing", "text", "empty", "small"]
)
def test_unusable_key_is_bad_configuration_naming_key_and_file(shell: Shell, content: bytes | None) -> None:
    shell.ok("subscribers", "add", "ada@readers.example", "--topic", "everything", "--confirmed")
    shell.settings(SENDER + '[[dkim]]\nselector = "s2027"\nkey_file = "own.pem"\n')
    if content is not None:
        (shell.state_dir / "own.pem").write_bytes(content)
    for command in (("dkim", "show"), ("preview", "ada@readers.example"), ("send",)):
        answer = shell(*command)
        assert (answer.code, answer.stdout) == (78, "")
        assert "s2027" in answer.stderr
        assert str(shell.state_dir / "own.pem") in answer.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_key_is_bad_configuration(shell: Shell) -> None:
    shell.ok("dkim", "keygen")
    shell.settings(SENDER + SIGNED)
    (shell.state_dir / "dkim/newsletter-rsa.pem").chmod(0)
    assert shell("dkim", "show").code == 78


def test_folder_in_the_place_of_a_key_is_bad_configuration(shell: Shell) -> None:
    shell.settings(SENDER + '[[dkim]]\nselector = "a"\nkey_file = "inbox"\n')
    assert shell("dkim", "show").code == 78


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("papers.example", 0),
        ("PAPERS.example", 0),
        ("mail.papers.example", 0),
        ("example", 78),
        ("papers.example.org", 78),
        ("other.example", 78),
    ],
)
def test_domain_must_be_aligned_with_the_sender(shell: Shell, domain: str, code: int) -> None:
    shell.ok("dkim", "keygen")
    shell.settings(f'{SENDER}{SIGNED}domain = "{domain}"\n')
    answer = shell("dkim", "show", "--json")
    assert answer.code == code
    if code:
        assert domain in answer.stderr
        assert "papers.example" in answer.stderr
    else:
        assert answer.json[0]["domain"] == domain.lower()


def test_foreign_domain_is_spelled_as_dns_does(shell: Shell) -> None:
    shell.ok("dkim", "keygen")
    shell.settings('sender = "Papers <news@post.bücher.example>"\n' + SIGNED + 'domain = "bücher.example"\n')
    (row,) = shell.ok("dkim", "show", "--json").json
    assert row["name"] == "newsletter-rsa._domainkey.xn--bcher-kva.example"


def test_absolute_key_file_may_lie_anywhere(shell: Shell, tmp_path: Path) -> None:
    shell.ok("dkim", "keygen", "--algorithm", "ed25519")
    (shell.state_dir / "dkim/newsletter-ed25519.pem").rename(tmp_path / "mail.pem")
    shell.settings(f'{SENDER}[dkim]\nselector = "a"\nkey_file = "{tmp_path / "mail.pem"}"\n')
    assert [row["algorithm"] for row in shell.ok("dkim", "show", "--json").json] == ["ed25519"]


def test_keygen_makes_the_key_that_the_settings_name(shell: Shell) -> None:
    (shell.state_dir / "keys").mkdir()
    lines = '[[dkim]]\nselector = "s2027"\nkey_file = "keys/own.pem"\ndomain = "post.papers.example"'
    shell.settings(SENDER + lines)
    row = shell.ok("dkim", "keygen", "--selector", "s2027", "--json").json
    assert (row["key_file"], row["settings"]) == (str(shell.state_dir / "keys/own.pem"), lines)
    assert shell.ok("dkim", "show", "--json").json == [
        {key: value for key, value in row.items() if key != "settings"}
    ]


def test_ids_of_mails_need_no_key(shell: Shell) -> None:
    shell.settings(SENDER + SIGNED)  # a key that is not there
    shell.ok("deliveries", "list")
    shell.ok("audit")


def test_preview_send_and_trial_are_signed_by_every_key(shell: Shell) -> None:
    with RecordingServer() as server:
        for algorithm in ("rsa", "ed25519"):
            shell.ok("dkim", "keygen", "--algorithm", algorithm)
        shell.settings(
            f'{SENDER}{SIGNED}[[dkim]]\nselector = "newsletter-ed25519"\n'
            f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\n'
        )
        keys = [_key(row) for row in shell.ok("dkim", "show", "--json").json]
        day = "2026-04-13T"
        shell.ok(
            "subscribers", "add", "ada@readers.example", "--topic", "everything", "--confirmed",
            "--at", "2026-04-12T05:00",
        )  # fmt: skip
        shell.ok("ingest", str(dumps()[0]), "--at", f"{day}06:00")
        out = shell.state_dir / "preview.eml"
        shell.ok(
            "preview", "ada@readers.example", "--format", "eml", "--out", str(out), "--at", f"{day}07:00"
        )
        shell.ok("send", "--at", f"{day}07:00")
        shell.ok("send", "--test", "ada@readers.example", "--at", f"{day}08:00")
        shell.ok("send", "--test", "stranger@readers.example", "--at", f"{day}08:00")
    sent, *trials = [mail.data for mail in server.accepted]
    assert sent == out.read_bytes()
    assert len(trials) == 2
    assert [verified(mail, *keys) for mail in (sent, *trials)] == [[True, True]] * 3


def test_mail_is_not_signed_by_default(shell: Shell) -> None:
    shell.ok(
        "subscribers", "add", "ada@readers.example", "--topic", "everything", "--confirmed",
        "--at", "2026-04-12T05:00",
    )  # fmt: skip
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    mail = shell.ok("preview", "ada@readers.example", "--format", "eml", "--at", "2026-04-13T07:00").stdout
    assert "DKIM-Signature" not in mail


def test_privacy_link_of_the_settings_stands_in_both_parts(shell: Shell) -> None:
    shell.ok(
        "subscribers", "add", "ada@readers.example", "--topic", "everything", "--confirmed",
        "--at", "2026-04-12T05:00",
    )  # fmt: skip
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")

    def shown(form: str) -> str:
        command = ("preview", "ada@readers.example", "--format", form, "--at", "2026-04-13T07:00")
        return shell.ok(*command).stdout

    assert [link in shown(form) for form, link in (("html", ">Privacy<"), ("text", "Privacy:"))] == [
        False
    ] * 2
    shell.settings('[brand]\nprivacy_url = "https://papers.example/privacy?lang=en&x=1"\n')
    (link,) = re.findall(r"<a ([^>]*)>Privacy</a>", shown("html"))
    assert 'href="https://papers.example/privacy?lang=en&amp;x=1"' in link
    assert "Privacy:               https://papers.example/privacy?lang=en&x=1\n" in shown("text").replace(
        "\r", ""
    )
