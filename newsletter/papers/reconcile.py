"""Take a listing into the store: recognise its papers, compare, write, look for overlaps, match topics.

Reads no file and opens no transaction: `newsletter.pipeline.intake.ingest` does both. What it decides about
a paper
comes from `newsletter.core` (identity, diff, overlap, dating); the cost depends on what is listed, not on
what is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Connection

from newsletter.core.papers.dating import decide_listed_on, resolve_printed
from newsletter.core.papers.diff import KnownPaper, PaperText, after, decide
from newsletter.core.papers.identity import PaperKeys, keys_of, recognise
from newsletter.core.papers.listing import Entry, ListedOn, Listing
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.papers import possible_duplicates, store
from newsletter.papers.lookup import KnownPapers, StoredPaper, fetch_known_papers
from newsletter.papers.possible_duplicates import AbstractOverlap
from newsletter.papers.store import TouchedPaper
from newsletter.papers.topic_matches import assign


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """What became of a listing's entries."""

    listed_on: ListedOn
    new: int  # papers that no standing dump listed before
    known: int  # the other entries, a paper listed twice in this dump included
    revised: int  # papers whose current text changed
    overlaps: tuple[AbstractOverlap, ...]  # possibly the same, not reported before


@dataclass(slots=True, kw_only=True)
class _Reconciliation:
    """The state of one intake."""

    dump_id: int
    listed_on: date
    known_papers: KnownPapers
    before: dict[int, int]  # paper by line, of an earlier reading of these bytes
    own: set[int]  # papers that this dump listed before and stands for
    claimed: set[int]  # papers that some entry is recognised as by its keys
    listed: list[tuple[Entry, int]] = field(default_factory=list)
    added: list[StoredPaper] = field(default_factory=list)
    touched: dict[int, TouchedPaper] = field(default_factory=dict)
    keys: list[tuple[str, str, int]] = field(default_factory=list)
    rivals: list[tuple[int, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    news: set[int] = field(default_factory=set)
    reworded: dict[int, PaperText] = field(default_factory=dict)  # known papers' former texts


def reconcile(
    connection: Connection,
    listing: Listing,
    *,
    dump_id: int,
    matcher: TopicMatcher,
    now: datetime,
    backfill: bool = False,
    filename: str = "",
    option: date | None = None,
    decided: ListedOn | None = None,
    again: bool = False,
) -> ReconcileReport:
    """Store what a listing says.

    dump_id: the row of its dump; what an earlier reading of it stored is brought up to date. backfill: new
    papers are known, not news. filename, option: for the year (docs/explanation/sources.md, “The year of a
    listing”). decided: the date as decided at the first reading. again: the dump stands and is only read a
    second time: nothing that it listed before becomes news by that.
    """
    before = store.take_listings(connection, dump_id)
    keys = [keys_of(entry) for entry in listing.entries]
    known_papers = fetch_known_papers(connection, keys, dump_id=dump_id, also=before.values())
    listed = decided or _date(listing, keys, known_papers, today=now.date(), filename=filename, option=option)
    desk = _Reconciliation(
        dump_id=dump_id,
        listed_on=listed.date,
        known_papers=known_papers,
        before=before,
        own=set(before.values()) if again else set(),
        claimed={paper_id for paper_id in _recognised(keys, known_papers) if paper_id is not None},
    )
    for entry, entry_keys in zip(listing.entries, keys, strict=True):
        _place(desk, entry, entry_keys)
    return _write(connection, desk, listed, matcher=matcher, now=now, backfill=backfill)


def _date(
    listing: Listing,
    keys: list[PaperKeys],
    known_papers: KnownPapers,
    *,
    today: date,
    filename: str,
    option: date | None,
) -> ListedOn:
    years: list[int] = []
    for entry, found in zip(listing.entries, _recognised(keys, known_papers), strict=True):
        if entry.printed is None or entry.printed.year is not None:
            continue
        printed = known_papers.papers[found].printed_on if found is not None else []
        days = {
            day.year for day in printed if (day.month, day.day) == (entry.printed.month, entry.printed.day)
        }
        years += sorted(days)[-1:]
    return decide_listed_on(
        listing.printed,
        entries_printed=[entry.printed for entry in listing.entries if entry.printed is not None],
        today=today,
        option=option,
        filename=filename,
        known_years=years,
    )


def _recognised(keys: list[PaperKeys], known_papers: KnownPapers) -> list[int | None]:
    """The stored paper that each entry is, if any."""
    return [
        recognise(key, holders=known_papers.holders, identifiers=known_papers.identifiers).paper_id
        for key in keys
    ]


def _place(desk: _Reconciliation, entry: Entry, keys: PaperKeys) -> None:
    """Find or make the paper of an entry and note what the entry changes."""
    found = recognise(keys, holders=desk.known_papers.holders, identifiers=desk.known_papers.identifiers)
    paper_id = found.paper_id
    if paper_id is None and desk.before.get(entry.line) not in desk.claimed | desk.seen:
        paper_id = desk.before.get(entry.line)  # the same bytes at the same line, read better than before
    if paper_id is None:
        paper = _new_paper(desk, entry)
        desk.known_papers.add(paper, keys)
        desk.keys += [(*key, paper.id) for key in (("title", keys.title), *keys.identifiers)]
        desk.added.append(paper)
        desk.news.add(paper.id)
    else:
        paper = desk.known_papers.papers[paper_id]
        desk.keys += [(*key, paper.id) for key in desk.known_papers.add_keys(paper.id, keys)]
        _compare(desk, paper, entry)
        others = {desk.known_papers.papers[rival].canonical for rival in found.rivals} - {paper.canonical}
        desk.rivals += [(paper.canonical, rival) for rival in others]
    desk.seen.add(paper.id)
    desk.listed.append((entry, paper.id))


def _new_paper(desk: _Reconciliation, entry: Entry) -> StoredPaper:
    paper_id = -len(desk.added) - 1
    known = KnownPaper(
        text=PaperText(title=entry.title, abstract=entry.abstract),
        author_count=entry.author_count,
        author_names=entry.author_names,
        organization=entry.organization,
        published_on=_published_on(entry, desk.listed_on),
        comments=entry.comments,
        code_url=entry.code_url,
        url=entry.url,
        newest_on=desk.listed_on,
    )
    place = (desk.listed_on, desk.dump_id, entry.position)
    return StoredPaper(id=paper_id, canonical=paper_id, known=known, listed_as=place)


def _compare(desk: _Reconciliation, paper: StoredPaper, entry: Entry) -> None:
    own = paper.id in desk.own
    kept = desk.known_papers.papers[paper.canonical]
    anew = not (own or paper.stands or kept.stands or paper.id in desk.seen)
    rereading = own and paper.id not in desk.seen and paper.text_dump == desk.dump_id
    change = decide(
        paper.known,
        entry,
        published_on=_published_on(entry, desk.listed_on),
        listed_on=desk.listed_on,
        repeated=paper.id in desk.seen or own,
        rereading=rereading,
    )
    place = (desk.listed_on, desk.dump_id, entry.position)
    earlier = paper.id > 0 and paper.id not in desk.seen and (anew or _comes_before(place, paper))
    text = paper.known.text
    paper.known = after(paper.known, change, listed_on=desk.listed_on)
    if earlier:
        paper.listed_as = place
    if paper.id > 0 and (change.text or change.older or change.fields or earlier):
        touched = desk.touched.setdefault(paper.id, TouchedPaper(paper=paper))
        touched.anew = touched.anew or anew
        touched.filled = touched.filled or change.filled is not None
        touched.revisions += [change.revision] if change.revision else []
        touched.older += [change.older] if change.older else []
        if change.text:
            desk.reworded.setdefault(paper.id, text)
    if anew:
        desk.news.add(paper.id)
        if kept is not paper:
            kept.listed_as = place
            desk.touched.setdefault(kept.id, TouchedPaper(paper=kept)).anew = True
    paper.stands = True
    if kept is not paper:  # what the kept paper lacks, the merged one's listings may tell
        gaps = decide(
            kept.known,
            entry,
            published_on=_published_on(entry, desk.listed_on),
            listed_on=desk.listed_on,
            repeated=True,
        )
        if gaps.fields:
            kept.known = replace(kept.known, **gaps.fields)
            desk.touched.setdefault(kept.id, TouchedPaper(paper=kept))


def _comes_before(place: tuple[date, int, int], paper: StoredPaper) -> bool:
    """Whether the paper's first listing is this one: of an earlier date, or where this very dump had it."""
    assert paper.listed_as is not None
    moved = place[1] == paper.listed_as[1] and place != paper.listed_as
    return place[0] < paper.listed_as[0] or moved


def _published_on(entry: Entry, listed_on: date) -> date | None:
    if entry.printed is None:
        return None
    try:
        return resolve_printed(entry.printed, listed_on)
    except ValueError:  # a date that no calendar has: as good as none
        return None


def _write(
    connection: Connection,
    desk: _Reconciliation,
    listed: ListedOn,
    *,
    matcher: TopicMatcher,
    now: datetime,
    backfill: bool,
) -> ReconcileReport:
    real = store.add_papers(connection, desk.added, backfill=backfill, now=now)
    touched = desk.touched.values()
    store.change_papers(connection, touched, dump_id=desk.dump_id, backfill=backfill, now=now)
    store.add_keys(connection, ((scheme, key, real.get(held, held)) for scheme, key, held in desk.keys))
    store.add_listings(
        connection, desk.dump_id, ((entry, real.get(held, held)) for entry, held in desk.listed)
    )
    former = {held: text.abstract for held, text in desk.reworded.items()}
    reworded = {held: desk.touched[held].paper.known.text for held in desk.reworded}
    moved = {held for held, text in reworded.items() if text.abstract != former[held]}
    possible_duplicates.forget_abstracts(connection, {held: former[held] for held in moved})
    texts = {real[paper.id]: paper.known.text for paper in desk.added}
    found = possible_duplicates.index_abstracts(
        connection,
        {held: text.abstract for held, text in texts.items()}
        | {held: reworded[held].abstract for held in moved},
    )
    for one, other in desk.rivals:
        pair = (real.get(one, one), real.get(other, other))
        found.append(AbstractOverlap(paper_id=max(pair), other_id=min(pair), overlap=1.0))
    overlaps = possible_duplicates.report(connection, found, now=now)
    assign(connection, texts | reworded, matcher, new=texts.keys())
    revised = sum(bool(item.revisions) for item in touched)
    brought = {
        paper_id
        for paper_id in desk.seen & desk.own
        if desk.known_papers.papers[paper_id].brought_by == desk.dump_id
    }
    new = len(desk.news | brought)
    return ReconcileReport(
        listed_on=listed,
        new=new,
        known=len(desk.listed) - new,
        revised=revised,
        overlaps=tuple(overlaps),
    )
