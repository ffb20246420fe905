"""Unsubscribing: everything, one topic, the button of a mail program, undo; repeats change nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from newsletter.db.engine import writing
from newsletter.delivery.outbox.handover import WINDOW
from newsletter.pipeline.compose.compose import compose_in
from newsletter.pipeline.deliver.leases import CLAIM
from newsletter.pipeline.readers.purge import tidy
from subscribers.lifecycle import suppression
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY
from tests.smtp_servers.recording import RecordingServer, ServerRules
from tests.web.newsletter_site import NewsletterSite, words_of


def test_everything_is_left_by_one_button_and_a_goodbye_says_so(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    path = f"/u/{ada.leave_id}"
    assert "Unsubscribe from everything" in website.get(path)
    page = website.post(path)
    assert "No digest comes to a••@example.org any more." in words_of(page)
    assert website.person("ada@example.org").state == "unsubscribed"
    goodbye = website.mail()
    assert (goodbye.recipient, goodbye.link("/u/")) == ("ada@example.org", path)
    assert website.events(ada)[-1] == ("unsubscribed", "web", ["circuits", "quantum"])


def test_leaving_again_shows_the_same_page_and_changes_nothing(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    path = f"/u/{ada.leave_id}"
    page = website.post(path)
    website.messages()
    before = website.everything()
    assert website.post(path) == page == website.get(path)
    assert website.messages() == []
    assert website.everything() == before


def test_one_topic_is_left_and_taken_back(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    path = f"/u/{ada.leave_id}"
    page = website.post(path, topic="circuits")
    assert "You have left Circuits." in page
    assert website.person("ada@example.org").topics == ("quantum",)
    assert website.messages() == []
    assert "You are back, from now on." in website.post(f"{path}/undo")
    assert website.person("ada@example.org").topics == ("circuits", "quantum")


def test_leaving_everything_can_be_taken_back(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    website.post(f"/u/{ada.leave_id}")
    website.post(f"/u/{ada.leave_id}/undo")
    after = website.person("ada@example.org")
    assert (after.state, after.topics) == ("confirmed", ("circuits", "quantum"))


def test_the_button_of_a_mail_program_needs_no_further_step(website: NewsletterSite) -> None:
    """RFC 8058: a POST of List-Unsubscribe=One-Click, urlencoded or as multipart."""
    for number, multipart in enumerate((False, True)):
        reader = website.subscribed(f"reader{number}@example.org", "circuits")
        if multipart:
            sent = website.browser.post(
                f"/u/{reader.leave_id}", files={"List-Unsubscribe": (None, "One-Click")}
            )
        else:
            sent = website.browser.post(
                f"/u/{reader.leave_id}",
                content="List-Unsubscribe=One-Click",
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        assert (sent.status_code, sent.text) == (200, "You are unsubscribed.\n")
        assert website.events(reader)[-1] == ("unsubscribed", "one-click", ["circuits"])
    assert website.messages() == []


def test_one_press_makes_it_one_mail_a_week_and_another_takes_that_back(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    path = f"/u/{ada.leave_id}"
    assert "One mail a week" in website.get(path)
    page = website.post(f"{path}/fewer", cadence="weekly")
    assert "One mail a week from now on, on Mondays" in page
    after = website.person("ada@example.org").preferences
    assert (after.cadence, after.weekday) == ("weekly", "monday")
    assert '<input type="hidden" name="cadence" value="daily">' in page
    assert "You are back, from now on." in website.post(f"{path}/fewer", cadence="daily")
    assert website.person("ada@example.org").preferences == ada.preferences
    assert "One mail a week</button>" not in website.post(f"{path}/fewer", cadence="weekly")
    assert website.person("ada@example.org").topics == ("circuits", "quantum")
    assert website.messages() == []


def test_one_press_pauses_for_four_weeks_and_another_ends_that(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    path = f"/u/{ada.leave_id}"
    page = website.post(f"{path}/fewer", pause="start")
    paused = website.person("ada@example.org").paused_until
    assert paused is not None
    assert "Paused until" in page
    assert "Pause for four weeks" not in page
    assert "You are back, from now on." in website.post(f"{path}/fewer", pause="end")
    assert website.person("ada@example.org").paused_until is None


@pytest.mark.parametrize(
    "sent",
    [{"cadence": "hourly", "pause": "end"}, {"cadence": "WEEKLY", "pause": "end"}, {"pause": "end"}],
)
def test_other_values_of_the_form_for_fewer_mails_change_no_cadence(
    website: NewsletterSite, sent: dict[str, str]
) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    website.post(f"/u/{ada.leave_id}/fewer", **sent)
    after = website.person("ada@example.org")
    assert (after.preferences, after.paused_until, after.state) == (ada.preferences, None, "confirmed")


def test_fewer_mails_are_no_matter_of_people_who_get_none(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    website.messages()
    pending = website.person("ada@example.org")
    page = website.get(f"/u/{pending.leave_id}")
    assert "One mail a week" not in page
    for sent in ({"cadence": "weekly"}, {"pause": "start"}):
        answer = website.browser.post(f"/u/{pending.leave_id}/fewer", data=sent)
        assert answer.status_code < 500
    after = website.person("ada@example.org")
    assert (after.state, after.preferences) == ("pending", pending.preferences)
    assert website.browser.post("/u/nobody-knows-this/fewer", data={"cadence": "weekly"}).status_code == 404


@pytest.mark.full
def test_an_unsubscribe_wins_against_a_send_in_progress(tmp_path: Path) -> None:
    """Readers who leave while a long send is running, before their mail is claimed, get nothing."""
    all_left = threading.Event()

    def answer_later(_address: str) -> None:
        if len(server.accepted) >= 5:
            all_left.wait(60)  # seconds, far below the client's own limit

    with RecordingServer(ServerRules(refuse=answer_later)) as server:
        website = NewsletterSite(tmp_path, server)
        website.newsletter.ingest_samples([13, 14, 15])
        for number in range(CLAIM + WINDOW):
            website.newsletter.reader(
                f"reader{number:03}@example.org", "everything", joined="2026-04-12T06:00"
            )
        late = [f"reader{number:03}@example.org" for number in range(CLAIM + WINDOW - 10, CLAIM + WINDOW)]
        leave = [f"/u/{website.person(address).leave_id}" for address in late]
        sending = threading.Thread(target=website.newsletter.send, args=("2026-04-16T07:01",))
        sending.start()
        while len(server.accepted) < 5:
            time.sleep(0.01)
        answers = [website.browser.post(path, data={"List-Unsubscribe": "One-Click"}) for path in leave]
        sent = len(server.accepted)
        all_left.set()
        sending.join()
    assert {answer.status_code for answer in answers} == {200}
    assert sent < CLAIM - WINDOW  # they left before the second claim
    mailed = {mail.recipient for mail in server.accepted}
    assert mailed.isdisjoint(late)
    assert len(mailed) == CLAIM + WINDOW - len(late)


def test_a_pending_person_can_unsubscribe(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    website.messages()
    ada = website.person("ada@example.org")
    website.post(f"/u/{ada.leave_id}")
    assert website.person("ada@example.org").state == "unsubscribed"
    website.later(days=8)
    assert tidy(website.newsletter.engine, now=website.now) == 0


def test_a_topic_never_followed_an_unknown_link_and_an_erased_person(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    page = website.post(f"/u/{ada.leave_id}", status=409, topic="cooking")
    assert "never followed" in page
    assert "ada@example.org" not in page.lower()
    assert "This link does not work" in website.get("/u/AAAAAAAAAAAAAAAAAAAAAA", status=404)
    with writing(website.newsletter.engine) as connection:
        suppression.forget(connection, subscriber_id=ada.id, how="web", now=website.now, key=SUPPRESSION_KEY)
    assert "no subscription behind this link" in website.get(f"/u/{ada.leave_id}", status=410)


@pytest.mark.parametrize("one_click", [True, False])
def test_a_suppressed_reader_who_leaves_stays_out_when_the_suppression_is_lifted(
    website: NewsletterSite, one_click: bool
) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    with writing(website.newsletter.engine) as connection:
        suppression.suppress(
            connection,
            address="ada@example.org",
            reason="bounce",
            how="bounce",
            now=website.now,
            key=SUPPRESSION_KEY,
        )
    fields = {"List-Unsubscribe": "One-Click"} if one_click else {}
    website.post(f"/u/{ada.leave_id}", status=200 if one_click else 410, **fields)
    with writing(website.newsletter.engine) as connection:
        after = suppression.unsuppress(
            connection, address="ada@example.org", how="admin", now=website.now, key=SUPPRESSION_KEY
        )
    assert after is not None
    assert after.state == "unsubscribed"


def test_the_button_of_a_mail_program_gets_the_same_answer_after_erasure(website: NewsletterSite) -> None:
    """A mail program must see no error (RFC 8058): it gets the same answer again."""
    ada = website.subscribed("ada@example.org", "circuits")
    with writing(website.newsletter.engine) as connection:
        suppression.forget(connection, subscriber_id=ada.id, how="web", now=website.now, key=SUPPRESSION_KEY)
    before = website.everything()
    page = website.post(f"/u/{ada.leave_id}", **{"List-Unsubscribe": "One-Click"})
    assert page == "You are unsubscribed.\n"
    assert website.everything() == before


def test_a_pending_person_is_not_promised_digests(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    website.messages()
    path = f"/u/{website.person('ada@example.org').leave_id}"
    website.post(path)
    page = words_of(website.post(f"{path}/undo"))
    assert "You are back" not in page
    assert "No digest comes before you press the button in the mail" in page


def test_an_answered_unsubscribe_wins_against_queued_mail(website: NewsletterSite) -> None:
    """A reader whose unsubscribe was answered before the claim gets no mail."""
    readers = [website.subscribed(f"reader{number}@example.org", "circuits") for number in range(3)]
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    website.later(days=1)
    website.newsletter.publish(website.now.isoformat())
    with writing(website.newsletter.engine, exclusive=True) as connection:
        assert compose_in(connection, website.newsletter.options(), now=website.now).composed == 3
    website.browser.post(f"/u/{readers[1].leave_id}", data={"List-Unsubscribe": "One-Click"})
    before = len(website.server.accepted)
    report = website.newsletter.send(website.now.isoformat())
    assert sorted(mail.recipient for mail in website.server.accepted[before:]) == [
        "reader0@example.org",
        "reader2@example.org",
    ]
    assert report.skipped == {"unsubscribed": 1}
