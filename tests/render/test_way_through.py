"""A reader finds the way through a digest of many papers: links to its sections, and back, in a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.core.states import Form
from newsletter.render.assembly import assemble
from newsletter.render.check import specimens
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout
from tests.browser.fixtures import HEIGHT, Browse
from tests.browser.views import PHONE, View
from tests.render.specimen_pages import BRAND, BUSY, COMPOSED_AT, pages

TOPICS = ("circuits", "quantum", "power-grids", EVERYTHING)
TITLE = "A Title of the Usual Length: Nine Words and a Subtitle of Six"
LEAD = "We show a circuit that needs a third of the power of those before it, in a process of 40 nm, " * 2
PHONE_HEIGHT = 667  # CSS pixels of a small phone
MOST_SCREENS = 12  # for 46 papers


def _of(count: int, *, cards: int) -> str:
    """A digest of so many papers, the first of each topic as cards."""
    plain = replace(
        specimens.papers()[1],
        title=TITLE,
        lead=LEAD.strip(),
        lead_span=(0, len(LEAD)),
        abstract=LEAD,
        code_url=None,
        page="https://papers.example/papers/1-a-title-of-the-usual-length",
    )
    papers = {number: replace(plain, id=number) for number in range(count)}
    news = sorted(
        (
            PlannedPaper(
                paper_id=number,
                topic=TOPICS[number % len(TOPICS)],
                form=Form.FULL if number < cards else Form.ROW,
            )
            for number in papers
        ),
        key=lambda card: TOPICS.index(card.topic),
    )
    layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    layout.prepare(news, papers)
    plan = DigestPlan(edition=1, date=BUSY.date, news=tuple(news))
    return pages(assemble(layout, plan, papers, composed_at=COMPOSED_AT))[0]


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("link", ["jump", "over"])
def test_a_bar_of_the_tally_leads_to_its_section_and_back(browse: Browse, topic: str, link: str) -> None:
    page = browse(View(width=PHONE))
    page.set_content(_of(46, cards=10))
    page.click(f'.{link}[href="#in-{topic}"]')
    heading = page.locator(f".head:has(#in-{topic})")
    page.wait_for_function("scrollY > 100")
    box = heading.bounding_box()
    assert box is not None
    assert -5 <= box["y"] < HEIGHT / 2
    heading.get_by_text("top").click()
    page.wait_for_function("scrollY < 200")  # the masthead is above the anchor


@pytest.mark.parametrize("name", ["in-circuits", "in-quantum", "top"])
def test_links_work_by_name_where_a_mail_program_drops_or_changes_ids(browse: Browse, name: str) -> None:
    page = browse(View(width=PHONE))
    html = _of(46, cards=10).replace(f' id="{name}"', "").replace(f'name="{name}"', f'name="m_1{name}"')
    page.set_content(html.replace(f'href="#{name}"', f'href="#m_1{name}"'))
    page.evaluate("scrollTo(0, 3000)")
    page.click(f'a:not([name])[href="#m_1{name}"] >> nth=0')
    page.wait_for_function("scrollY != 3000")
    found = page.locator(f'a[name="m_1{name}"]').bounding_box()
    assert found is not None
    assert abs(found["y"]) < HEIGHT


def test_a_day_of_many_papers_takes_few_screens_of_a_phone(browse: Browse) -> None:
    page = browse(View(width=PHONE))
    heights = []
    for cards in (5, 10, 20, 46):
        page.set_content(_of(46, cards=cards))
        heights.append(page.evaluate("document.documentElement.scrollHeight"))
    assert heights == sorted(heights)
    assert heights[1] <= MOST_SCREENS * PHONE_HEIGHT
