"""Writes the subject line of a digest, its lede, and the preview that a mailbox shows next to the subject.

It takes plans and papers and renders no template.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan
from newsletter.render.truncate import one_line, shortened
from newsletter.render.view_models import Brand, PaperView, TopicView, in_words

SUBJECT_LENGTH = 110  # characters; most mailboxes show fewer
TITLE_LENGTH = 80  # characters of the first title in the subject
PREHEADER_LENGTH = 140  # characters; mailboxes show 35 to 140
LEAD_LENGTH = 90  # characters of the first lead in the preview
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")


def subject(
    brand: Brand, topics: Mapping[str, TopicView], plan: DigestPlan, papers: Mapping[int, PaperView]
) -> str:
    """The subject line: by the brand's pattern, or else the counts by topic and the first title."""
    shown = (*plan.news, *plan.maybe, *plan.recaps)
    first = papers[shown[0].paper_id].title if shown else ""
    inside = in_topics(topics, counts(plan)) or ("worth a look" if plan.maybe else "in case you missed it")
    if brand.subject:
        return brand.subject.format(
            name=brand.name,
            number=str(plan.edition),
            date=in_words(plan.date),
            topics=inside,
            first=shortened(first, TITLE_LENGTH),
            count=str(len(plan.news)),
        )
    if len(plan.news) == 1:
        return shortened(first, SUBJECT_LENGTH)
    return shortened(f"{inside[0].upper()}{inside[1:]}: {first}", SUBJECT_LENGTH)


def counts(plan: DigestPlan) -> dict[str, int]:
    """Number of papers by section, in the order of the sections."""
    found: dict[str, int] = {}
    for card in plan.news:
        found[card.topic] = found.get(card.topic, 0) + 1
    return found


def in_topics(topics: Mapping[str, TopicView], found: Mapping[str, int]) -> str:
    """The counts in words: "3 circuits, 1 quantum, 2 more"."""
    if list(found) == [EVERYTHING]:
        return f"{found[EVERYTHING]} paper{'s' if found[EVERYTHING] > 1 else ''}"
    return ", ".join(
        f"{count} {'more' if topic == EVERYTHING else _in_a_sentence(topics[topic].title)}"
        for topic, count in found.items()
    )


def lede(plan: DigestPlan, papers: Mapping[int, PaperView], *, minutes: int) -> str:
    """The opening sentence: "Five new papers in the topics you follow, two with code: about a minute."."""
    time = f": {_about(minutes)}" if plan.news else ""
    return f"{_opening(plan, papers)}{time}."


def _opening(plan: DigestPlan, papers: Mapping[int, PaperView]) -> str:
    count = len(plan.news)
    if not count and plan.recaps:
        return "Nothing new today, but an earlier mail to you may not have arrived"
    if not count:
        return "Nothing certain today, only what may be worth a look"
    with_code = sum(1 for card in plan.news if papers[card.paper_id].code)
    topics = {card.topic for card in plan.news} - {EVERYTHING}
    where = " in the topics you follow" if topics else ""
    code = f", {number(with_code)} with code" if with_code else ""
    if count == with_code:
        code = ", with code" if count == 1 else ", all with code"
    return f"{number(count).capitalize()} new paper{'s' if count > 1 else ''}{where}{code}"


def more(plan: DigestPlan) -> str:
    """The sentence that some papers had no room; empty when all are shown."""
    count = len(plan.left_out)
    if not count:
        return ""
    papers, lead = ("paper", "leads") if count == 1 else ("papers", "lead")
    return f"{number(count).capitalize()} more {papers} had no room here and {lead} your next digest."


def preheader(brand: Brand, plan: DigestPlan, papers: Mapping[int, PaperView]) -> str:
    """What follows the subject: what the paper found that it names, then the next titles.

    A subject of the brand's own pattern may name no paper; then its title comes first.
    """
    shown = [papers[card.paper_id] for card in (*plan.news, *plan.maybe, *plan.recaps)]
    unnamed = bool(brand.subject) and "{first" not in brand.subject
    parts = [shown[0].title] if shown and unnamed else []
    parts += [one_line(paper.quoted_lead, LEAD_LENGTH) for paper in shown[:1] if paper.lead]
    parts += [paper.title for paper in shown[1:3]]
    return shortened(" · ".join(parts) or _opening(plan, papers), PREHEADER_LENGTH)


def listed(seen_on: date, today: date) -> str:
    """When an old paper came to the list: "new on this list", "listed 14 April"."""
    if seen_on == today:
        return "new on this list"
    return (
        f"listed {seen_on.day} {seen_on:%B}"
        if seen_on.year == today.year
        else (f"listed {seen_on.day} {seen_on:%b %Y}")
    )


def also(topics: Mapping[str, TopicView], topic: str, count: int) -> str:
    """The line above the rows of a section: "Three more in Circuits"."""
    where = "" if topic == EVERYTHING else f" in {topics[topic].title}"
    return f"{number(count).capitalize()} more{where}"


def weekday_in_words(day: date) -> str:
    """A date with its weekday: "Friday 17 April 2026"."""
    return f"{day:%A} {in_words(day)}"


def number(count: int) -> str:
    """A small number as a word."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _about(minutes: int) -> str:
    """A time to read: "about a minute", "about four minutes"."""
    return "about a minute" if minutes == 1 else f"about {number(minutes)} minutes"


def _in_a_sentence(title: str) -> str:
    """`title` inside a sentence: "circuits", but "LLM agents"."""
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() else title
