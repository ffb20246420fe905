"""An edition whose first messages are refused is held by itself, and goes on when an admin releases it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, papers
from newsletter.delivery.outbox.claims import AudienceSelects, claim
from newsletter.ops.alarms.facts import gather
from newsletter.papers import editions
from newsletter.pipeline.compose.compose import compose
from newsletter.pipeline.compose.options import EditionSchedule
from newsletter.pipeline.curation import review
from newsletter.pipeline.deliver.edition_guard import MIN_REFUSED, GuardPolicy, OutcomeTally, must_hold
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.send import SendReport, prepare
from subscribers import audience
from subscribers.lifecycle import update
from subscribers.preferences import Preferences
from tests.pipeline.whole_newsletter import WholeNewsletter, titles_in, utc
from tests.smtp_servers.misbehaving import MisbehavingServer
from tests.smtp_servers.recording import Conversation

READERS = 150
AUDIENCE = AudienceSelects(
    mailable=audience.mailable(),
    reachable=audience.reachable(),
    departed=audience.departed(),
    states=audience.states(),
)
SPAM = b"554 5.7.1 <r@x.example> looks like spam"


class ByContent(Conversation):
    """Refuses messages whose content is not to its taste, with what `verdict` says of the recipient."""

    server: Picky

    def dot(self, body: bytes) -> None:
        assert self.recipient is not None
        with self.server.fault_lock:
            self.server.seen[self.recipient] += 1
        reply = self.server.verdicts.get(self.recipient, self.server.verdict)
        if reply is None:
            super().dot(body)
        else:
            self.say(reply)
            self.sender = self.recipient = None


class Picky(MisbehavingServer):
    """A server that refuses by content while `verdict` says so."""

    __slots__ = ("seen", "verdict", "verdicts")
    verdict: bytes | None
    verdicts: dict[str, bytes]
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__(conversation=ByContent)
        self.verdict = None
        self.verdicts = {}
        self.seen = Counter()


@pytest.fixture
def server() -> Iterator[Picky]:
    running = Picky()
    with running:
        yield running


@pytest.fixture
def newsletter(tmp_path: Path, server: Picky, database_url: str) -> Iterator[WholeNewsletter]:
    newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
    newsletter.delivery_options = replace(
        newsletter.delivery_options, guard_policy=GuardPolicy(after=50, share=0.2), jitter=lambda: 0.0
    )
    newsletter.ingest_samples([13])
    yield newsletter
    newsletter.engine.dispose()


def join(newsletter: WholeNewsletter, number: int, **preferences: object) -> None:
    """Readers of as many domains: a domain that refuses rests, which is another matter."""
    for n in range(number):
        newsletter.reader(f"r{n}@d{n}.example", "circuits", joined="2026-04-12T12:00", **preferences)


def run(newsletter: WholeNewsletter, at: str, **options: object) -> SendReport:
    return newsletter.send(at, edition_schedule=EditionSchedule(**options))  # type: ignore[arg-type]


def states(newsletter: WholeNewsletter) -> Counter[str]:
    with reading(newsletter.engine) as connection:
        return Counter(connection.execute(select(deliveries.c.state)).scalars())


def held_because(newsletter: WholeNewsletter, number: int = 1) -> str | None:
    with reading(newsletter.engine) as connection:
        (row,) = editions.rows(connection, number)
    assert row["held"] == (row["held_because"] is not None)
    because: str | None = row["held_because"]
    return because


def test_edition_that_a_server_refuses_by_content_is_held_and_goes_on_when_released(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    report = run(newsletter, "2026-04-13T07:00")
    tried = len(server.seen)
    assert 11 <= tried <= 11 + 2 * 50  # more than a fifth of 50, and what was on its way meanwhile
    because = held_because(newsletter)
    assert because is not None
    assert because.endswith("554 5.7.1 <…> looks like spam")
    assert report.held == {1: because}
    assert states(newsletter) == {"deferred": tried, "queued": READERS - tried}
    with reading(newsletter.engine) as connection:
        facts = gather(connection, state_dir=newsletter.folder, now=utc("2026-04-13T07:01"))
    assert (facts.held_editions, facts.held_because) == ([1], {1: because})
    server.verdict = None
    for at in ("07:01", "07:40", "12:00"):  # not held a second time
        assert run(newsletter, f"2026-04-13T{at}").sent == 0
    assert len(server.seen) == tried == server.seen.total()
    assert newsletter.audit("2026-04-13T12:00").clean
    review.release(newsletter.engine, 1, now=utc("2026-04-13T12:30"))
    report = run(newsletter, "2026-04-13T12:30")
    assert (report.sent, report.held, held_because(newsletter)) == (READERS, {}, None)
    assert Counter(server.recipients()) == {f"r{n}@d{n}.example": 1 for n in range(READERS)}
    found = newsletter.audit("2026-04-13T12:31")
    assert (found.clean, found.pending) == (True, {})


def test_release_excuses_the_refusals_so_far_and_no_later_ones(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    run(newsletter, "2026-04-13T07:00")
    tried = len(server.seen)
    server.verdicts = dict.fromkeys(server.seen, SPAM)
    server.verdict = None
    review.release(newsletter.engine, 1, now=utc("2026-04-13T09:00"))
    report = run(newsletter, "2026-04-13T09:00")  # the same are refused once more, and no others
    assert (report.sent, report.deferred, held_because(newsletter)) == (READERS - tried, tried, None)


def test_released_edition_is_held_again_after_new_refusals(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    run(newsletter, "2026-04-13T07:00")
    tried = len(server.seen)
    review.release(newsletter.engine, 1, now=utc("2026-04-13T07:10"))
    run(newsletter, "2026-04-13T07:10")
    assert tried + 11 <= len(server.seen) <= min(READERS, tried + 11 + 2 * 50)
    assert held_because(newsletter) is not None


@pytest.mark.parametrize("composed_meanwhile", [True, False])
def test_dropped_paper_goes_from_mails_that_wait_for_the_release(
    newsletter: WholeNewsletter, server: Picky, composed_meanwhile: bool
) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    run(newsletter, "2026-04-13T07:00")
    tried = set(server.seen)
    title = newsletter.published_titles("circuits")[0]
    review.drop(newsletter.engine, office_paper(newsletter, title), now=utc("2026-04-13T07:10"))
    server.verdict = None
    if composed_meanwhile:
        assert run(newsletter, "2026-04-13T07:11").sent == 0
    review.release(newsletter.engine, 1, now=utc("2026-04-13T07:12"))
    assert deliver(newsletter.engine, newsletter.delivery_options, now=utc("2026-04-13T07:12")).sent == (
        READERS if composed_meanwhile else len(tried)
    )
    run(newsletter, "2026-04-13T07:12")
    shown = {mail.recipient: titles_in(mail.data) for mail in server.accepted}
    assert len(shown) == len(server.accepted) == READERS
    # A mail that was handed over is never composed again; any other is.
    assert {recipient for recipient, titles in shown.items() if title in titles} == tried
    assert all(len(titles) >= 1 for titles in shown.values())
    assert newsletter.audit("2026-04-13T07:13").clean


def office_paper(newsletter: WholeNewsletter, title: str) -> int:
    with reading(newsletter.engine) as connection:
        return int(connection.execute(select(papers.c.id).where(papers.c.title == title)).scalar_one())


def test_run_of_few_mails_is_judged_at_its_end(newsletter: WholeNewsletter, server: Picky) -> None:
    join(newsletter, 12)
    server.verdicts = {f"r{n}@d{n}.example": SPAM for n in range(MIN_REFUSED - 1)}
    assert run(newsletter, "2026-04-13T07:00").deferred == MIN_REFUSED - 1
    assert held_because(newsletter) is None  # a few refusals may be those readers' own affair
    server.verdicts |= {f"late{n}@e{n}.example": SPAM for n in range(2)}
    for n in range(2):
        newsletter.reader(f"late{n}@e{n}.example", "circuits", joined="2026-04-12T12:00", hour=8)
    run(newsletter, "2026-04-13T08:30")
    because = held_because(newsletter)
    assert because is not None
    assert because.startswith(
        f"{MIN_REFUSED + 1} of its first 14 mails were refused: {MIN_REFUSED + 1} × 554 5.7.1"
    )


def test_unknown_addresses_full_mailboxes_and_greylisting_hold_no_edition(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, 40)
    replies = (b"550 5.1.1 no such user", b"552 5.2.2 full", b"450 4.7.1 greylisted", b"452 4.2.2 full")
    refused = range(0, 40, 3)  # among the others, so that the relay is not suspected instead
    server.verdicts = {f"r{n}@d{n}.example": replies[n % 4] for n in refused}
    report = run(newsletter, "2026-04-13T07:00")
    assert (report.sent, report.held, held_because(newsletter)) == (40 - len(refused), {}, None)


def test_refused_canary_holds_the_edition_before_the_others_get_it(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, 20, hour=8)
    newsletter.reader("canary@c.example", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([14], hour="07:00")
    server.verdicts = {"canary@c.example": b"550 5.6.0 what is this"}
    hour = {"hold": timedelta(hours=1), "canaries": ("canary@c.example",)}
    run(newsletter, "2026-04-14T07:00", **hour)
    assert server.seen == {"canary@c.example": 1}
    assert held_because(newsletter) == "the mail of a canary was refused: 1 × 550 5.6.0 what is this"
    assert run(newsletter, "2026-04-14T08:30", **hour).sent == 0
    server.verdicts = {}
    review.release(newsletter.engine, 1, now=utc("2026-04-14T09:00"))
    assert run(newsletter, "2026-04-14T09:00", **hour).sent == 1  # first the canary
    assert run(newsletter, "2026-04-15T08:00", **hour).sent == 20
    assert newsletter.audit("2026-04-15T08:01").clean


def test_hold_by_hand_stops_composed_mail_before_the_next_compose(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, 20)
    newsletter.publish("2026-04-13T06:59")
    composed = compose(newsletter.engine, newsletter.options(), now=utc("2026-04-13T07:00")).composed
    review.hold(newsletter.engine, 1)
    assert deliver(newsletter.engine, newsletter.delivery_options, now=utc("2026-04-13T07:00")).sent == 0
    answer = why(newsletter.engine, subscriber_id=1, address="", on=None, now=utc("2026-04-13T07:01"))
    assert answer.reason == "the mail is composed and waits to be sent; it waits for a held edition"
    review.release(newsletter.engine, 1, now=utc("2026-04-13T07:02"))
    assert (
        deliver(newsletter.engine, newsletter.delivery_options, now=utc("2026-04-13T07:02")).sent
        == composed
        == 20
    )
    assert newsletter.audit("2026-04-13T07:03").clean


def test_mail_that_waits_for_a_release_expires_and_later_editions_go_on(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    run(newsletter, "2026-04-13T07:00")
    server.verdict = None
    newsletter.ingest_samples([14])
    report = run(newsletter, "2026-04-14T07:00")
    assert (report.sent, report.skipped) == (READERS, {"expired": READERS})
    assert newsletter.audit("2026-04-14T07:01").clean
    review.release(newsletter.engine, 1, now=utc("2026-04-14T09:00"))
    newsletter.ingest_samples([15])
    assert run(newsletter, "2026-04-15T07:00").sent == READERS
    shown = [title for mail in server.accepted for title in titles_in(mail.data)]
    assert set(Counter(shown).values()) == {READERS}
    assert set(shown) == set(newsletter.published_titles("circuits"))
    found = newsletter.audit("2026-04-15T07:01")
    assert (found.clean, found.pending) == (True, {})


def test_two_senders_together_hold_an_edition_once(newsletter: WholeNewsletter, server: Picky) -> None:
    join(newsletter, READERS)
    server.verdict = SPAM
    reports: list[SendReport] = []
    senders = [
        threading.Thread(target=lambda: reports.append(run(newsletter, "2026-04-13T07:00"))) for _ in range(2)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=60)
    assert sorted(len(report.held) for report in reports) == [0, 1]
    tried = len(server.seen)
    assert states(newsletter) == {"deferred": tried, "queued": READERS - tried}
    server.verdict = None
    review.release(newsletter.engine, 1, now=utc("2026-04-13T12:30"))
    assert run(newsletter, "2026-04-13T12:30").sent == READERS
    assert max(Counter(server.recipients()).values()) == 1
    assert newsletter.audit("2026-04-13T12:31").clean


@pytest.mark.parametrize(
    ("tally", "fresh", "last", "too_bad"),
    [
        (OutcomeTally(outcomes=10, refused=10), 10, False, False),
        (OutcomeTally(outcomes=11, refused=11), 11, False, True),  # a fifth of 50 is 10, whatever comes
        (OutcomeTally(outcomes=60, refused=12), 20, False, False),  # a fifth of what is known by now
        (OutcomeTally(outcomes=60, refused=13), 20, False, True),
        (OutcomeTally(outcomes=60, refused=60), 10, False, False),  # 50 had been looked at before
        (OutcomeTally(outcomes=10, refused=10), 0, True, True),
        (OutcomeTally(outcomes=9, refused=9), 0, True, False),
        (OutcomeTally(outcomes=49, refused=9), 0, True, False),
        (OutcomeTally(outcomes=60, refused=60), 0, True, False),
        (OutcomeTally(outcomes=500, refused=1, canaries=1), 1, False, True),
    ],
)
def test_edition_must_be_held_when_too_many_of_its_first_mails_are_refused(
    tally: OutcomeTally, fresh: int, last: bool, too_bad: bool
) -> None:
    assert must_hold(tally, GuardPolicy(after=50, share=0.2), fresh=fresh, last=last) is too_bad


def test_nothing_is_held_where_the_settings_say_so(newsletter: WholeNewsletter, server: Picky) -> None:
    newsletter.delivery_options = replace(newsletter.delivery_options, guard_policy=GuardPolicy(after=0))
    join(newsletter, 30)
    server.verdict = SPAM
    report = run(newsletter, "2026-04-13T07:00")
    assert (report.deferred, report.held, held_because(newsletter)) == (30, {}, None)


def test_hold_by_hand_on_top_excuses_the_refusals_too(newsletter: WholeNewsletter, server: Picky) -> None:
    newsletter.reader("canary@c.example", "circuits", joined="2026-04-12T12:00", hour=22)
    join(newsletter, 20, hour=8)
    options = {"hold": timedelta(hours=1), "canaries": ("canary@c.example",)}
    server.verdicts = {"canary@c.example": SPAM}
    run(newsletter, "2026-04-13T07:00", **options)
    assert held_because(newsletter) is not None
    review.hold(newsletter.engine, 1)
    review.release(newsletter.engine, 1, now=utc("2026-04-13T07:30"))
    run(newsletter, "2026-04-13T07:31", **options)
    assert run(newsletter, "2026-04-13T08:31", **options).sent == 20
    assert held_because(newsletter) is None


def test_digest_is_composed_again_without_the_held_edition(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    eve = newsletter.reader("eve@e.example", "circuits", joined="2026-04-12T12:00", hour=22)
    join(newsletter, 60)
    server.verdict = SPAM
    run(newsletter, "2026-04-13T07:00")
    assert held_because(newsletter) is not None
    server.verdict = None
    newsletter.ingest_samples([14])
    at = utc("2026-04-14T22:00")
    prepare(newsletter.engine, newsletter.options(), newsletter.delivery_options, now=at)
    assert states(newsletter)["queued"] >= 1  # eve's, with edition 2 alone
    with writing(newsletter.engine) as connection:
        update.choose(
            connection,
            subscriber_id=eve,
            topics_wanted=["circuits"],
            known_topics=list(newsletter.topics),
            given={"text_only": True},
            how="web",
            now=at,
            defaults=Preferences(),
        )
    run(newsletter, "2026-04-14T22:01")
    assert [mail.recipient for mail in server.accepted if mail.recipient == "eve@e.example"] != []


def test_release_waits_for_a_sender_that_is_holding_mail_back(
    newsletter: WholeNewsletter, server: Picky
) -> None:
    join(newsletter, 3)
    at = utc("2026-04-13T07:00")
    prepare(newsletter.engine, newsletter.options(), newsletter.delivery_options, now=at)
    with writing(newsletter.engine) as connection:
        editions.hold_for(connection, 1, "its first mails were refused")
    release = threading.Thread(target=review.release, args=(newsletter.engine, 1), kwargs={"now": at})
    with writing(newsletter.engine) as connection:
        found = claim(connection, owner="a sender", now=at, wall=at, limit=10, audience=AUDIENCE)
        assert found.claimed == ()
        release.start()
        time.sleep(0.3)  # it gets as far as it can
    release.join()
    assert run(newsletter, "2026-04-13T07:05").sent == 3
