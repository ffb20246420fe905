"""A column that looks like consent, status or suppression refuses its file; harmless ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from subscribers.errors import RosterError
from subscribers.roster.columns import recognise
from subscribers.roster.consent_signs import UnreadColumn, is_title, is_value
from subscribers.roster.reader import Roster

TITLES = """
Abgemeldet|Austragungsdatum|Einwilligung|DSGVO|Zustimmung zum Newsletter|Werbung erlaubt|Gesperrt|Inaktiv
désinscrit|Désabonné|Consentement|RGPD|Statut|Actif|liste noire|bloqué
baja|Dado de baja|Suscrito|Consentimiento|Estado|Activo|Cancelado|rebotado
Disiscritto|Consenso privacy|Stato|Attivo|Iscritto|Bloccato
Descadastrado|Inscrito|Ativo|LGPD|Consentimento
Uitgeschreven|Afgemeld|Toestemming|Actief|Geblokkeerd
Zgoda marketingowa|Wypisany|Отписан|Подписка|Статус|Согласие|Заблокирован|配信停止|退订
opt-out|opt_in|OPTIN|OptInDate|GDPR|consent|Consent given|marketing permission|do not email|DNC
bounced|Hard Bounced|bounceStatus|blacklist|blocklist|Blacklisted?|Email Status
active|is_active|isActive|Do Not Contact|subscribed|is_subscribed|deleted|deletedAt
complained|Spam complaint|suppressed|emails_enabled
Marketing Status|Email Permission Status
HasOptedOutOfEmail|Accepts Email Marketing|accepts_marketing|can_email|No email|email ok
Stop time|Left on|Quit date|Removal date|suspended|IsExcludedFromCampaigns|No Bulk Emails|Kontaktsperre
Legal basis for processing|Email frequency|Email preferences|Newsletter preferences
Unsubscribed from all email|Undeliverable|verified|Double Opt-In|Subscription|Contact permission|invalid|junk
""".replace("\n", "|").strip("|")
HARMLESS = """
name|First Name|Company|country|Notes|tags|Labels|created_at|Created At|opens|Clicks|Open rate|phone|City|Ort
PLZ|Ville|Société|Empresa|País|Azienda|Città|Bedrijf|Компания|Город|zip|Address|language|Gender|score
Source|id|utm_source|Last Active|Last activity|Member rating|Website|Job Title|Department|State/Province
Home State|Region|IP|optin_ip|Joined|Marital status|Estado civil|Valid until|Comments|Anrede
Options|Description|Account|Mission|Version|Campaign|Plan|Revenue
Days left|Left-handed|Bus stop|Order count|Referrer|Interests|ORCID|Affiliation|Position
Station|Institution|Contact name|Emails sent|Birthday|SMS consent|Activities|Activation code|Substitute
""".replace("\n", "|").strip("|")


@pytest.mark.parametrize("title", TITLES.split("|"))
def test_title_of_consent_refuses_the_file_whatever_its_cells_hold(tmp_path: Path, title: str) -> None:
    assert is_title(title)
    for spelt in (title, title.upper(), title.replace(" ", "_"), title.replace(" ", "-")):
        if recognise([spelt]).readings[0] is not None:
            continue  # it is read, which is better
        path = tmp_path / "roster.csv"
        path.write_text(f"email,{spelt}\na@x.org,zz\nb@x.org,yy\n", "utf-8")
        with pytest.raises(RosterError, match="'zz' and 'yy'") as caught:
            Roster(path)
        assert "--ignore-column" in caught.value.hint


@pytest.mark.parametrize("title", HARMLESS.split("|"))
def test_harmless_title_refuses_nothing(tmp_path: Path, title: str) -> None:
    assert not is_title(title)
    path = tmp_path / "roster.csv"
    path.write_text(f"email,{title}\na@x.org,12\nb@x.org,Some words\nc@x.org,\n", "utf-8")
    with Roster(path) as roster:
        assert roster.columns.has_email


@pytest.mark.parametrize(
    "cell",
    [
        *("unsubscribed", "Unsubscribed", "opted out", "Opted-Out", "bounced", "cleaned", "hard bounce"),
        *("Hard_Bounce", "blacklisted", "spam complaint", "inactive", "blocked", "Abgemeldet", "Désinscrit"),
        *("dado de baja", "do not email", "Unsubscribed (2024-01-02)", "unsubscribed on 1 May", "opt-out"),
        *("suppressed", "USER_SUPPRESSED", "hard bounce: mailbox full", "Отписан", "never subscribed"),
        *("marked as spam", "don't email", "no consent", "uitgeschreven", "Disiscritto", "Descadastrado"),
        *(
            '{"consent": "no"}',
            '["VIP", "unsubscribed"]',
            "  Bounced  ",
            "nomail",
            "NO_EMAIL",
            "subscribed",
            "Активен",
        ),
    ],
)
def test_value_of_a_status_refuses_the_file_in_any_row(tmp_path: Path, cell: str) -> None:
    assert is_value(cell)
    path = tmp_path / "roster.csv"
    quoted = '"' + cell.replace('"', '""') + '"'
    rows = "".join(f"r{n}@x.org,row {n}\n" for n in range(3000))
    path.write_text(f"email,Remark\n{rows}a@x.org,{quoted}\n", "utf-8")
    with pytest.raises(RosterError, match="'Remark'"):
        Roster(path)
    with Roster(path, ignore=["remark"]) as roster:
        assert sum(map(len, roster.batches())) == 3001


@pytest.mark.parametrize(
    "cell",
    [
        *("Ada", "Acme Ltd", "Germany", "Met at the fair", "Bounced an idea off her in 2019", "no", "yes"),
        *("Blocked road to the office", "VIP", "2024-01-01", "http://x.example/unsubscribe?u=1"),
        *("Baja California", "Active Minds GmbH", "Suppressed noise lab", "[]", "{}", '{"city": "London"}'),
    ],
)
def test_harmless_value_refuses_nothing(cell: str) -> None:
    assert not is_value(cell)


@pytest.mark.parametrize(
    ("title", "cells", "suspicious"),
    [
        ("Infomail", ["ja", "nein"], True),  # nobody knows what was asked
        ("Zusendung", ["ja", "ja"], True),
        ("Wants it", ["true", "FALSE", ""], True),
        ("Newsletter", ["1", "0"], True),
        ("Newsletter", ["x", ""], True),
        ("Tilaus", ["1", "0"], True),  # in any language
        ("column 5", ["1", "0", "1"], True),
        ("Tilaus", ["1.0", "0.0", ""], True),
        ("Newsletter", ["1,0", ""], True),
        ("Open rate", ["1.0", "0.0"], False),
        ("Score", ["0.5", "0.0", "1.0"], False),
        ("Tilaus", ["1", "1"], False),
        ("Visitas", ["1", "0", "2"], False),
        ("Downloads", ["1", "0"], False),
        ("Marketing", ["✓", "sometimes"], False),
        ("Opens", ["1", "0"], False),
        ("Emails opened", ["0", "1"], False),
        ("VIP", ["yes", "no"], False),
        ("Student", ["true", "false"], False),
        ("Country", ["NO", "NO"], False),
        ("Language", ["no", "no"], False),
        ("Middle initial", ["J", "S"], False),
        ("Phone", ["n/a", "N/A"], False),
        ("Answer", ["yes", "perhaps"], False),
        ("Subscribed at", ["2024-01-02", "2024-01-03 10:00"], False),
        ("Subscribed at", ["2024-01-02", ""], True),
        ("subscribed", ["yes", "yes"], True),
        ("Subscribed at", ["2024-01-02", "0000-00-00"], True),  # of a database without an empty date
        ("Confirmed at", ["2024-01-02 10:00", "0000-00-00 00:00:00"], True),
        ("Opt-in date", ["2024-01-02", "1970-01-01T00:00:00Z"], True),
        ("Confirmed on", ["02/01/2024", "01/01/1970"], True),
        ("Confirmed at", ["2024-01-02", "1970-01-02"], False),
        ("Confirmed", ["2024-01-02T10:00:00Z"], False),
        ("Deleted at", ["2024-01-02"], True),
        ("Opt-out reason", [], True),
        ("Opt-out reason", ["", ""], True),
        ("Labels", ["VIP, unsubscribed"], True),
        ("Labels", ["VIP, Friends of the house"], False),
        ("Notes", ["Met her, bounced about"], False),
        ("Notes", ["unsubscribed"], True),
    ],
)
def test_column_is_judged_by_title_and_cells(title: str, cells: list[str], suspicious: bool) -> None:
    column = UnreadColumn(title)
    for cell in cells:
        column.look(cell)
    assert column.suspicious is suspicious


@pytest.mark.parametrize(
    "rows",
    [
        *("a@x.org,2024-01-02\nb@x.org\n", "a@x.org\nb@x.org,2024-01-02\n"),
        *("a@x.org,2024-01-02\nb@x.org,\n", '"a@x.org","2024-01-02"\n"b@x.org"\n'),
    ],
)
def test_row_that_ends_before_a_column_of_consent_has_an_empty_cell_there(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(f"email,confirmed_at\n{rows}", "utf-8")
    with pytest.raises(RosterError, match="'confirmed_at'"):
        Roster(path)


def test_empty_lines_are_no_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("email,confirmed_at\na@x.org,2024-01-02\n\n,\nb@x.org,2024-01-03\n\n", "utf-8")
    with Roster(path) as roster:
        assert [len(rows) for rows in roster.batches()] == [2]


@pytest.mark.parametrize(
    "header", ["Email Address,MEMBER_RATING,OPTIN_TIME,State", "email,Klaviyo ID,Created,State"]
)
@pytest.mark.parametrize(("state", "refused"), [("unsubscribed", True), ("NY", False), ("", False)])
def test_state_of_a_known_export_is_a_region_unless_it_says_a_status(
    tmp_path: Path, header: str, state: str, refused: bool
) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(f"{header}\na@x.org,2,2024-01-02,CA\nb@x.org,3,2024-01-02,{state}\n", "utf-8")
    if refused:
        with pytest.raises(RosterError, match="'State'"):
            Roster(path)
    else:
        with Roster(path) as roster:
            assert roster.format


@pytest.mark.parametrize(
    ("tags", "refused"), [("VIP;Unsubscribed", True), ("opted out", True), ("yes", False), ("a;b", False)]
)
def test_tags_that_are_a_status_refuse_the_file(tmp_path: Path, tags: str, refused: bool) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(f"email,Tags,Groups\na@x.org,{tags},\n", "utf-8")
    if refused:
        with pytest.raises(RosterError) as caught:
            Roster(path)
        assert "--ignore-column Tags" in caught.value.hint
    with Roster(path, ignore=["Tags"]) as roster:
        [[row]] = roster.batches()
        assert row.cells == {"email": "a@x.org", "tags": ""}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^"])
def test_file_in_any_form_is_refused(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "roster.csv"
    text = '"E-Mail","Abgemeldet am","Ort"\r\n"a@x.org","1. Mai","Köln"\r\n"b@x.org","","Köln"\r\n'
    path.write_bytes(text.replace(",", delimiter).encode(encoding))
    with pytest.raises(RosterError, match=r"'Abgemeldet am', with values such as '1\. Mai'"):
        Roster(path)
    with Roster(path, ignore=["ABGEMELDET AM"]) as roster:
        [rows] = roster.batches()
    assert [row.cells["email"] for row in rows] == ["a@x.org", "b@x.org"]


def test_message_names_each_column_two_values_and_the_command(tmp_path: Path) -> None:
    path = tmp_path / "my list.csv"
    path.write_text(
        "email,GDPR consent,x,Active?,,\na@x.org,no,1,1,bounced,\nb@x.org,yes,2,0,,\n",
        "utf-8",
    )
    with pytest.raises(RosterError) as caught:
        Roster(path)
    assert caught.value.message == (
        "my list.csv: a column may say who must not be mailed, and is not understood: 'GDPR consent', "
        "with values such as 'no' and 'yes'; 'Active?', with values such as '1' and '0'; 'column 5', "
        "with values such as 'bounced'"
    )
    assert caught.value.hint.endswith(
        "newsletter subscribers import 'my list.csv' --ignore-column 'GDPR consent' "
        "--ignore-column 'Active?' --ignore-column 'column 5'"
    )
    with Roster(path, ignore=["GDPR consent", "Active?", "column 5"]) as roster:
        assert roster.columns.ignored == ("GDPR consent", "x", "Active?")


def test_message_about_many_long_columns_stays_short(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    titles = ",".join(f"consent {n} {'x' * 300}" for n in range(50))
    path.write_text(f"email,{titles}\na@x.org{',' + 'y' * 5000}\n", "utf-8")
    with pytest.raises(RosterError, match="and 45 more") as caught:
        Roster(path)
    assert len(caught.value.message) < 2000
