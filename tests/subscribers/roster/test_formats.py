"""Each tool's export is read as it is: who left, bounced or never agreed there is not confirmed here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from subscribers.errors import RosterError, SubscriberError
from subscribers.preferences import Preferences
from subscribers.queries import State
from subscribers.roster.formats import FORMATS
from subscribers.roster.reader import Roster
from subscribers.roster.row_parser import ImportPolicy, RowFaultsError, parse_row
from tests.subscribers.conftest import KEY, NOON, TOPICS

POLICY = ImportPolicy(
    known_topics=TOPICS,
    default_topics=("everything",),
    defaults=Preferences(),
    confirmed=True,
    now=NOON,
    suppression_key=KEY,
)

# Tool → its export, in which each local part begins with the state that the person must get: c(onfirmed),
# p(ending), u(nsubscribed), s(uppressed), or x for a row that is refused. "c" may also give no state.
EXPORTS = {
    "Ghost export": """\
id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers
1,c1@x.org,Ada Lovelace,,true,false,,2022-03-16T08:03:11.000Z,,Friends,
2,u1@x.org,Bert,,false,false,,2022-03-16T08:03:11.000Z,,,
3,u2@x.org,Cyd,,true,false,,2022-03-16T08:03:11.000Z,2024-01-01T00:00:00.000Z,,
4,p1@x.org,Dan,,,false,,2022-03-16T08:03:11.000Z,,,
5,x1@x.org,Eve,,perhaps,false,,2022-03-16T08:03:11.000Z,,,
6,c2@x.org,Fay,,TRUE,true,cus_1,2022-03-16T08:03:11.000Z,,,Gold
""",
    "Brevo export": """\
CONTACT ID;EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLISTED;\
SMS_BLACKLISTED;DOUBLE_OPT-IN;ADDED_TIME;MODIFIED_TIME
1;c1@x.org;Lovelace;Ada;;No;Yes;Yes;12-04-2022 09:30;13-04-2022 10:00
2;s1@x.org;Becker;Bert;33611111111;Yes;No;Yes;12-04-2022 09:30;13-04-2022 10:00
3;s2@x.org;;Cyd;;true;No;;12-04-2022 09:30;13-04-2022 10:00
4;p1@x.org;;Dan;;No;No;No;12-04-2022 09:30;13-04-2022 10:00
5;s3@x.org;;Eve;;1;No;No;12-04-2022 09:30;13-04-2022 10:00
6;x1@x.org;;Fay;;who knows;No;;12-04-2022 09:30;13-04-2022 10:00
""",
    "Klaviyo export": """\
Email,Klaviyo ID,First Name,Last Name,Email Marketing Consent,Email Marketing Consent Timestamp,\
Email Suppressions,SMS Marketing Consent,Source,State / Region,Last Active
c1@x.org,01AB,Ada,Lovelace,SUBSCRIBED,2024-01-01T00:00:00Z,[],UNSUBSCRIBED,Form,NY,2024-01-01
u1@x.org,01AC,Bert,,UNSUBSCRIBED,2024-01-01T00:00:00Z,,NEVER_SUBSCRIBED,Form,,
p1@x.org,01AD,Cyd,,NEVER_SUBSCRIBED,,,,Form,,
p2@x.org,01AE,Dan,,,,,,Form,,
s1@x.org,01AF,Eve,,SUBSCRIBED,,HARD_BOUNCE,,Form,,
s2@x.org,01AG,Fay,,SUBSCRIBED,,"['UNSUBSCRIBED', 'SPAM_COMPLAINT']",,Form,,
u2@x.org,01AH,Gil,,SUBSCRIBED,,['UNSUBSCRIBED'],,Form,,
s3@x.org,01AI,Hal,,SUBSCRIBED,,USER_SUPPRESSED,,Form,,
x1@x.org,01AJ,Ida,,MAYBE,,,,Form,,
""",
    "Buttondown export": """\
id,email_address,notes,metadata,tags,type,source,creation_date,unsubscription_date,undeliverability_reason
1,c1@x.org,,{},,regular,organic,2019-08-24T14:15:22Z,,
2,c2@x.org,,{},,premium,organic,2019-08-24T14:15:22Z,,
3,p1@x.org,,{},,unactivated,organic,2019-08-24T14:15:22Z,,
4,u1@x.org,,{},,unsubscribed,organic,2019-08-24T14:15:22Z,2020-01-01T00:00:00Z,
5,u2@x.org,,{},,removed,organic,2019-08-24T14:15:22Z,,
6,s1@x.org,,{},,complained,organic,2019-08-24T14:15:22Z,,
7,s2@x.org,,{},,spammy,organic,2019-08-24T14:15:22Z,,
8,s3@x.org,,{},,regular,organic,2019-08-24T14:15:22Z,,mailbox full
9,u3@x.org,,{},,regular,organic,2019-08-24T14:15:22Z,2020-01-01T00:00:00Z,
10,x1@x.org,,{},,mysterious,organic,2019-08-24T14:15:22Z,,
""",
    "Constant Contact export": """\
Email address,First name,Last name,Company,Email status,Email permission status,Email update source,\
Email Lists,Source Name,State/Province - Home,Confirmed Opt-Out Date,Created At,Updated At
c1@x.org,Ada,Lovelace,Engine Co,Active,Express,Form,News,Website,NY,,2020-09-25 16:45:13 -0400,
c2@x.org,Bert,,,Active,Implied,,,,,,2020-09-25 16:45:13 -0400,
u1@x.org,Cyd,,,Unsubscribed,Express,,,,,2021-01-01,2020-09-25 16:45:13 -0400,
u2@x.org,Dan,,,Active,Express,,,,,2021-01-01,2020-09-25 16:45:13 -0400,
p1@x.org,Eve,,,Awaiting Confirmation,Pending Confirmation,,,,,,2020-09-25 16:45:13 -0400,
p2@x.org,Fay,,,No Permissions Set,,,,,,,2020-09-25 16:45:13 -0400,
p3@x.org,Gil,,,,,,,,,,2020-09-25 16:45:13 -0400,
p4@x.org,Hal,,,Active,Not Set,,,,,,2020-09-25 16:45:13 -0400,
s1@x.org,Ida,,,Bounced,Implied,,,,,,2020-09-25 16:45:13 -0400,
x1@x.org,Jo,,,Sleeping,Implied,,,,,,2020-09-25 16:45:13 -0400,
""",
    "phpList export": (
        "id\tEmail\tIs this subscriber confirmed\tIs this subscriber blacklisted\t"
        "Did this subscriber manually confirm\tNumber of bounces\tEntered\tLast Modified\t"
        "Send this subscriber HTML emails\tIs this account disabled?\tForeign Key\tName\tList Membership\n"
        "1\tc1@x.org\t1\t0\t1\t0\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t1\t0\t\tAda\tnewsletter \n"
        "2\tp1@x.org\t0\t0\t0\t0\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t1\t0\t\tBert\tNo Lists\n"
        "3\ts1@x.org\t1\t1\t1\t3\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t1\t0\t\tCyd\tnewsletter \n"
        "4\tu1@x.org\t1\t0\t1\t0\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t1\t1\t\tDan\tnewsletter \n"
        "5\ts2@x.org\t0\t1\t0\t0\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t0\t1\t\tEve\tNo Lists\n"
        "6\tx1@x.org\t7\t0\t1\t0\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t1\t0\t\tFay\tnewsletter \n"
    ),
    "Substack export": """\
email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at
c1@x.org,false,,other,false,2026-07-01T00:00:00.000Z,
c2@x.org,true,2027-07-01T00:00:00.000Z,yearly,false,2026-06-01T00:00:00.000Z,2026-07-15T00:00:00.000Z
u1@x.org,false,,other,true,2026-05-01T00:00:00.000Z,
u2@x.org,true,,monthly,true,2026-05-01T00:00:00.000Z,2026-07-15T00:00:00.000Z
p1@x.org,false,,other,,2026-05-01T00:00:00.000Z,
x1@x.org,false,,other,sometimes,2026-05-01T00:00:00.000Z,
""",
    "beehiiv export": """\
email,First Name,Last Name,status,tier,created_at,stripe_customer_id,Free Tier,Premium Tier,unsubscribed_at
c1@x.org,Ada,Lovelace,active,free,2023-03-24 10:23:10 UTC,,Yes,No,
u1@x.org,Bert,,inactive,free,2023-03-24 10:23:10 UTC,,Yes,No,
p1@x.org,Cyd,,pending,free,2023-03-24 10:23:10 UTC,,Yes,No,
p2@x.org,Dan,,validating,free,2023-03-24 10:23:10 UTC,,Yes,No,
u2@x.org,Eve,,active,premium,2023-03-24 10:23:10 UTC,cus_1,No,Yes,2024-03-13 11:33:53 UTC
s1@x.org,Fay,,invalid,free,2023-03-24 10:23:10 UTC,,Yes,No,
p3@x.org,Gil,,needs_attention,free,2023-03-24 10:23:10 UTC,,Yes,No,
x1@x.org,Hal,,dozing,free,2023-03-24 10:23:10 UTC,,Yes,No,
""",
    "Kit export": """\
id,first_name,email,created_at,status,tags
1,Ada,c1@x.org,2023-01-27T11:43:55Z,active,VIP
2,Bert,p1@x.org,2023-01-27T11:43:55Z,inactive,
3,Cyd,u1@x.org,2023-01-27T11:43:55Z,cancelled,
4,Dan,s1@x.org,2023-01-27T11:43:55Z,bounced,
5,Eve,s2@x.org,2023-01-27T11:43:55Z,complained,
6,Fay,p2@x.org,2023-01-27T11:43:55Z,unconfirmed,
7,Gil,x1@x.org,2023-01-27T11:43:55Z,thinking,
""",
    "Sendy export": """\
"Name","Email","Joined","Last activity","Added via","Opt-in method","IP address","Country","Country code",\
"Signed up from","Status","GDPR"
"Ada","c1@x.org","","2026/04/19","App","","","","","","Active","Yes"
"Bert","u1@x.org","","2026/04/19","App","Double opt-in","","Norway","NO","","Unsubscribed","Yes"
"Cyd","s1@x.org","","2026/04/19","App","","","","","","Bounced",""
"Dan","s2@x.org","","2026/04/19","App","","","","","","Marked as spam","Yes"
"Eve","p1@x.org","","2026/04/19","App","","","","","","Unconfirmed","Yes"
"Fay","s3@x.org","","2026/04/19","App","","","","","","Soft bounced","Yes"
"Gil","p2@x.org","","2026/04/19","App","","","","","","Active","No"
"Hal","x1@x.org","","2026/04/19","App","","","","","","Wandering","Yes"
""",
    "Mailman 3 export": """\
Address,Display Name,Delivery Mode,Delivery Status,Role
c1@x.org,Ada Lovelace,regular,enabled,member
u1@x.org,,mime_digests,by_user,member
s1@x.org,Cyd,regular,by_bounces,member
u2@x.org,Dan,regular,by_moderator,member
p1@x.org,Eve,regular,unknown,member
p2@x.org,Fay,regular,enabled,nonmember
x1@x.org,Gil,regular,by_weather,member
""",
    "MailerLite export": """\
Subscriber,Name,Last name,Company,State,Status,Groups,Sent,Opened,Clicked,\
Subscribed,Opted in,Unsubscribed,Signup IP
c1@x.org,Ada,Lovelace,,NY,active,News,3,2,1,2021-08-31 14:22:08,2021-08-31 14:22:08,,192.0.2.1
c2@x.org,Bert,,,,Active,,0,0,0,2021-08-31 14:22:08,,,
u1@x.org,Cyd,,,,unsubscribed,,3,2,1,2021-08-31 14:22:08,,2022-08-31 14:22:08,
u2@x.org,Dan,,,,active,,3,2,1,2021-08-31 14:22:08,,2022-08-31 14:22:08,
p1@x.org,Eve,,,,unconfirmed,,0,0,0,2021-08-31 14:22:08,,,
s1@x.org,Fay,,,,bounced,,0,0,0,2021-08-31 14:22:08,,,
s2@x.org,Gil,,,,junk,,0,0,0,2021-08-31 14:22:08,,,
x1@x.org,Hal,,,,asleep,,0,0,0,2021-08-31 14:22:08,,,
""",
    "listmonk export": """\
uuid,email,name,attributes,status,lists,subscription_status,created_at,updated_at
u,c1@x.org,Ada,{},enabled,Quantum,confirmed,2024-03-01,2024-03-02
u,u1@x.org,Bert,{},disabled,Quantum,confirmed,2024-03-01,2024-03-02
u,s1@x.org,Cyd,{},blocklisted,Quantum,confirmed,2024-03-01,2024-03-02
u,p1@x.org,Dan,{},enabled,Quantum,unconfirmed,2024-03-01,2024-03-02
u,u2@x.org,Eve,{},enabled,Quantum,unsubscribed,2024-03-01,2024-03-02
u,x1@x.org,Fay,{},resting,Quantum,confirmed,2024-03-01,2024-03-02
""",
    "Mailchimp export": """\
Email Address,First Name,Last Name,State,MEMBER_RATING,OPTIN_TIME,LEID,EUID,UNSUB_TIME,CLEAN_TIME,TAGS
c1@x.org,Ada,Lovelace,NY,2,2023-01-02 03:04:05,1,a,,,
u1@x.org,Bert,,,2,2023-01-02 03:04:05,2,b,2024-02-03 04:05:06,,
s1@x.org,Cyd,,,2,2023-01-02 03:04:05,3,c,,2024-02-03 04:05:06,
s2@x.org,Dan,,,2,2023-01-02 03:04:05,4,d,2024-02-03 04:05:06,2024-02-03 04:05:06,
x1@x.org,Eve,,,2,2023-01-02 03:04:05,5,e,long ago,,
""",
}
STATES = {"p": State.PENDING, "u": State.UNSUBSCRIBED, "s": State.SUPPRESSED}
VARIANTS = {
    "as it is": lambda text: text.encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "capitals": lambda text: _header(text, str.upper).encode(),
    "small letters": lambda text: _header(text, str.lower).encode(),
    "blanks for underscores": lambda text: _header(text, lambda header: header.replace("_", " ")).encode(),
    "hyphens": lambda text: _header(text, lambda header: re.sub("[ _]", "-", header)).encode(),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
}


def _header(text: str, change) -> str:  # type: ignore[no-untyped-def]
    header, _, rows = text.partition("\n")
    return f"{change(header)}\n{rows}"


def read(path: Path, **more: object) -> tuple[str, dict[str, State | str | None], dict[str, str]]:
    """The format; the state of each address, or "refused"; the names."""
    states: dict[str, State | str | None] = {}
    names: dict[str, str] = {}
    with Roster(path, **more) as roster:  # type: ignore[arg-type]
        for batch in roster.batches():
            for row in batch:
                try:
                    parsed = parse_row(row, POLICY)
                except SubscriberError as error:
                    states[row.cells["email"]] = "refused" if "is not known" in error.message else str(error)
                else:
                    states[parsed.request.address.address] = parsed.state
                    names[parsed.request.address.address] = parsed.request.name
                    assert parsed.request.confirmed == (parsed.state in (None, State.CONFIRMED))
        return roster.format, states, names


def as_meant(states: dict[str, State | str | None]) -> dict[str, bool]:
    return {
        address: state in (None, State.CONFIRMED)
        if address[0] == "c"
        else state == ("refused" if address[0] == "x" else STATES[address[0]])
        for address, state in states.items()
    }


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tool", EXPORTS)
def test_export_gives_each_person_the_state_they_had_there(tmp_path: Path, tool: str, variant: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(VARIANTS[variant](EXPORTS[tool]))
    found, states, names = read(path)
    assert found == tool
    assert as_meant(states) == dict.fromkeys(states, True)
    assert len(states) == EXPORTS[tool].count("@x.org")
    if tool not in ("Buttondown export", "Substack export"):  # they hold no names
        assert names["c1@x.org"].split()[0] == "Ada"


def test_every_format_has_an_export_here_and_says_where_it_is_described() -> None:
    assert {known.name for known in FORMATS} == set(EXPORTS)
    assert all(known.documentation.startswith("https://") for known in FORMATS)


@pytest.mark.parametrize(
    ("tool", "column"),
    [
        ("Ghost export", "subscribed_to_emails"),
        ("Brevo export", "EMAIL_BLACKLISTED"),
        ("Klaviyo export", "email suppressions"),
        ("Mailman 3 export", "Delivery Status"),
    ],
)
def test_column_of_a_known_tool_that_says_who_left_cannot_be_ignored(
    tmp_path: Path, tool: str, column: str
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(EXPORTS[tool], "utf-8")
    with pytest.raises(RosterError, match="cannot be ignored"):
        Roster(path, ignore=[column])


def test_column_of_a_known_tool_that_only_makes_people_pending_can_be_ignored(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(EXPORTS["Sendy export"], "utf-8")
    assert read(path, ignore=["GDPR"])[1]["p2@x.org"] is State.CONFIRMED


@pytest.mark.parametrize(
    ("header", "row", "state"),
    [
        ("email,subscribed_to_emails,Subscribed to emails", "true,false", State.UNSUBSCRIBED),
        ("email,EMAIL_BLACKLISTED,EMAIL_BLACKLISTED", "No,Yes", State.SUPPRESSED),
        ("email,status,status", "subscribed,unsubscribed", State.UNSUBSCRIBED),
        ("email,Status,Subscription status,unsubscribed_at", "active,active,2024-01-01", State.UNSUBSCRIBED),
        ("email,status,bounced,opted out", "active,yes,yes", State.SUPPRESSED),
        ("email,state,status", "suppressed,enabled", State.SUPPRESSED),
        ("email,state,state", "confirmed,pending", State.PENDING),
        ("email,status,unsubscribed,bounced", "subscribed,No,0", State.CONFIRMED),
        ("email,state,unsubscribed,bounced", "confirmed,nein,false", State.CONFIRMED),
        ("email,unsubscribed,bounced", ",", None),
        ("email,status", "", State.PENDING),
        ("email,status", "Abgemeldet", State.UNSUBSCRIBED),
        ("email,status", "Désinscrit", State.UNSUBSCRIBED),
        ("email,status", "Dado de baja", State.UNSUBSCRIBED),
        ("email,status", "Отписан", State.UNSUBSCRIBED),
        ("email,status", "hard-bounce", State.SUPPRESSED),
        ("email,bounced", "3", State.SUPPRESSED),
        ("email,unsubscribed", "Jan 5, 2024 10:00", State.UNSUBSCRIBED),
        ("email,unsubscribed", "0.0", None),
        ("email,unsubscribed", "1.0", State.UNSUBSCRIBED),
        ("email,subscribed_to_emails", "1.0", State.CONFIRMED),
        ("email,subscribed_to_emails", "0.0", State.UNSUBSCRIBED),
        ("email,unsubscribed", "✓", State.UNSUBSCRIBED),
        ("email,bounced", "☑", State.SUPPRESSED),
        ("email,bounced", "✔\ufe0f", State.SUPPRESSED),
        ("email,unsubscribed", "☐", None),
        ("email,unsubscribed", "-", None),
        ("email,unsubscribed_at", "0000-00-00 00:00:00", None),  # what MySQL writes for never
        ("email,unsubscribed_at", "00.00.0000", None),
        ("email,unsubscribed_at", "1970-01-01 00:00:00", State.UNSUBSCRIBED),  # nobody knows
        ("email,Klaviyo ID,consent", "1,['email']", State.CONFIRMED),
        ("email,Klaviyo ID,consent", "1,[email; sms]", State.CONFIRMED),
        ("email,Klaviyo ID,consent", "1,['sms']", State.PENDING),
        ("email,Klaviyo ID,consent", "1,sms;web", State.PENDING),
        ("email,Klaviyo ID,consent", "1,[]", State.PENDING),
        ("email,Emails enabled,Stripe plan,Start date", "☐,,2024", State.UNSUBSCRIBED),
    ],
)
def test_strictest_of_all_signals_counts(tmp_path: Path, header: str, row: str, state: State | None) -> None:
    path = tmp_path / "roster.csv"
    quoted = f'"{row}"' if "Jan" in row else row
    path.write_text(f"{header}\na@x.org,{quoted}\n", "utf-8")
    assert read(path)[1] == {"a@x.org": state}


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("status", "paid", "the status 'paid' is not known"),
        ("state", "NY", "there is no state 'NY'"),
        ("unsubscribed", "perhaps", "the status 'perhaps' is not known"),
        ("bounced", "?! ?", "the status '?! ?' is not known"),
        ("unsubscribed", "✗", "the status '✗' is not known"),
        ("unsubscribed", "*", "the status '*' is not known"),
        ("status", "✓", "the status '✓' is not known"),
        ("status", "2", "the status '2' is not known"),
    ],
)
def test_unknown_word_of_a_status_refuses_its_row(
    tmp_path: Path, header: str, cell: str, reason: str
) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(f"email,{header}\na@x.org,{cell}\n", "utf-8")
    with Roster(path) as roster:
        [[row]] = roster.batches()
    with pytest.raises(RowFaultsError) as caught:
        parse_row(row, POLICY)
    assert reason in caught.value.message
    assert "--ignore-column" in caught.value.message
