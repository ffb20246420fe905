"""Stores a listing: recognises its papers, compares, writes, looks for overlaps, matches topics.

It reads no file and opens no transaction: `newsletter.pipeline.intake.ingest` does both. The decisions about
a paper are those of `newsletter.core.papers`. The cost depends on the number of listed papers, not of stored
ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Connection

from newsletter.core.papers.dating import decide_listed_on, resolve_printed
from newsletter.core.papers.diff import KnownPaper, PaperText, after, decide
from newsletter.core.papers.identity import PaperKeys, is_same_work, keys_of, recognise
from newsletter.core.papers.listing import Entry, ListedOn, Listing
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.papers import possible_duplicates, store
from newsletter.papers.lookup import KnownPapers, StoredPaper, fetch_known_papers
from newsletter.papers.possible_duplicates import AbstractOverlap
from newsletter.papers.store import TouchedPaper
from newsletter.papers.topic_matches import assign


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """How many entries of a listing were new, known or revised."""

    listed_on: ListedOn
    new: int  # papers that no ingested dump listed before
    known: int  # the other entries, a paper listed twice in this dump included
    revised: int  # papers whose current text changed
    overlaps: tuple[AbstractOverlap, ...]  # possibly the same, not reported before


@dataclass(slots=True, kw_only=True)
class _Reconciliation:
    """The state of one call of `reconcile`."""

    dump_id: int
    listed_on: date
    seen_on: date  # the day on which the listing's votes were seen
    known_papers: KnownPapers
    previous: dict[int, int]  # paper id by line, of an earlier reading of the same bytes
    twins: dict[int, list[int]]  # stored papers with nearly the same abstract, by position of the entry
    listed_before: set[int]  # papers that this dump listed before; empty for a dump that did not count
    claimed: set[int]  # papers that the keys of some entry lead to
    listed: list[tuple[Entry, int]] = field(default_factory=list)
    added: list[StoredPaper] = field(default_factory=list)
    touched: dict[int, TouchedPaper] = field(default_factory=dict)
    keys: list[tuple[str, str, int]] = field(default_factory=list)
    rivals: list[tuple[int, int]] = field(default_factory=list)  # pairs that share a key
    seen: set[int] = field(default_factory=set)  # papers of the entries so far
    news: set[int] = field(default_factory=set)
    reworded: dict[int, PaperText] = field(default_factory=dict)  # former texts of known papers


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
    """Store a listing.

    dump_id: the row of its dump; rows of an earlier reading are updated. backfill: new papers are known, not
    news. filename, option: for the year (docs/explanation/sources.md, “The year of a listing”). decided: the
    date as decided at the first reading. again: the dump is ingested and read once more; papers that it
    listed before do not become news.
    """
    previous = store.remove_listings(connection, dump_id)
    keys = [keys_of(entry) for entry in listing.entries]
    known_papers = fetch_known_papers(connection, keys, dump_id=dump_id, also=previous.values())
    strange = {
        entry.position: entry.abstract
        for entry, found in zip(listing.entries, _recognised(keys, known_papers), strict=True)
        if found is None
    }
    twins = possible_duplicates.twins(connection, strange)
    if twins:
        also = {*previous.values(), *(paper_id for found in twins.values() for paper_id in found)}
        known_papers = fetch_known_papers(connection, keys, dump_id=dump_id, also=also)
    listed = decided or _date(listing, keys, known_papers, today=now.date(), filename=filename, option=option)
    state = _Reconciliation(
        dump_id=dump_id,
        listed_on=listed.date,
        seen_on=now.date(),
        known_papers=known_papers,
        previous=previous,
        twins=twins,
        listed_before=set(previous.values()) if again else set(),
        claimed={paper_id for paper_id in _recognised(keys, known_papers) if paper_id is not None},
    )
    for entry, entry_keys in zip(listing.entries, keys, strict=True):
        _place(state, entry, entry_keys)
    return _write(connection, state, listed, matcher=matcher, now=now, backfill=backfill)


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
    """The stored paper of each entry, or None."""
    return [
        recognise(key, holders=known_papers.holders, identifiers=known_papers.identifiers).paper_id
        for key in keys
    ]


def _place(state: _Reconciliation, entry: Entry, keys: PaperKeys) -> None:
    """Find or make the paper of an entry and collect the changes that the entry makes."""
    found = recognise(keys, holders=state.known_papers.holders, identifiers=state.known_papers.identifiers)
    paper_id = found.paper_id
    if paper_id is None and state.previous.get(entry.line) not in state.claimed | state.seen:
        paper_id = state.previous.get(entry.line)  # the same bytes at the same line, read better than before
    if paper_id is None:
        paper_id = _same_work(state, entry, keys)
    if paper_id is None:
        paper = _new_paper(state, entry, keys)
        state.known_papers.add(paper, keys)
        state.keys += [(*key, paper.id) for key in (("title", keys.title), *keys.identifiers)]
        state.added.append(paper)
        if not paper.backfill:
            state.news.add(paper.id)
    else:
        paper = state.known_papers.papers[paper_id]
        state.keys += [(*key, paper.id) for key in state.known_papers.add_keys(paper.id, keys)]
        _compare(state, paper, entry)
        others = {state.known_papers.papers[rival].canonical for rival in found.rivals} - {paper.canonical}
        state.rivals += [(paper.canonical, rival) for rival in others]
    state.seen.add(paper.id)
    state.listed.append((entry, paper.id))


def _same_work(state: _Reconciliation, entry: Entry, keys: PaperKeys) -> int | None:
    """A stored paper that this entry brings under another title; None when there is none."""
    for paper_id in state.twins.get(entry.position, ()):
        known = state.known_papers.papers[paper_id].known
        is_taken = paper_id in state.claimed | state.seen  # another entry of this dump is that paper
        if not is_taken and is_same_work(
            keys,
            author_count=entry.author_count,
            published_on=_published_on(entry, state.listed_on),
            known_identifiers=state.known_papers.identifiers.get(paper_id, ()),
            known_author_count=known.author_count,
            known_published_on=known.published_on,
        ):
            return paper_id
    return None


def _is_revision(entry: Entry) -> bool:
    return entry.announcement is not None and entry.announcement.is_revision


def _new_paper(state: _Reconciliation, entry: Entry, keys: PaperKeys) -> StoredPaper:
    paper_id = -len(state.added) - 1
    identifiers = dict(keys.identifiers)
    known = KnownPaper(
        text=PaperText(title=entry.title, abstract=entry.abstract),
        author_count=entry.author_count,
        author_names=entry.author_names,
        organization=entry.organization,
        published_on=_published_on(entry, state.listed_on),
        comments=entry.comments,
        code_url=entry.code_url,
        url=entry.url,
        project_url=entry.project_url,
        categories=entry.categories,
        upvotes=entry.upvotes,
        upvotes_on=state.seen_on if entry.upvotes is not None else None,
        arxiv_id=identifiers.get("arxiv"),
        doi=identifiers.get("doi"),
        newest_on=state.listed_on,
    )
    place = (state.listed_on, state.dump_id, entry.position)
    return StoredPaper(
        id=paper_id,
        canonical=paper_id,
        known=known,
        first_listing=place,
        backfill=_is_revision(entry),
    )


def _compare(state: _Reconciliation, paper: StoredPaper, entry: Entry) -> None:
    repeated = paper.id in state.listed_before
    kept = state.known_papers.papers[paper.canonical]
    is_news = not (
        repeated or paper.is_listed or kept.is_listed or paper.id in state.seen or _is_revision(entry)
    )
    rereading = repeated and paper.id not in state.seen and paper.text_dump_id == state.dump_id
    change = decide(
        paper.known,
        entry,
        published_on=_published_on(entry, state.listed_on),
        listed_on=state.listed_on,
        seen_on=state.seen_on,
        repeated=paper.id in state.seen or repeated,
        rereading=rereading,
    )
    place = (state.listed_on, state.dump_id, entry.position)
    earlier = paper.id > 0 and paper.id not in state.seen and (is_news or _comes_before(place, paper))
    text = paper.known.text
    paper.known = after(paper.known, change, listed_on=state.listed_on)
    if earlier:
        paper.first_listing = place
    if paper.id > 0 and (change.text or change.older or change.fields or earlier):
        touched = state.touched.setdefault(paper.id, TouchedPaper(paper=paper))
        touched.is_news = touched.is_news or is_news
        touched.filled = touched.filled or change.filled is not None
        touched.revisions += [change.revision] if change.revision else []
        touched.older += [change.older] if change.older else []
        if change.text:
            state.reworded.setdefault(paper.id, text)
    if is_news:
        state.news.add(paper.id)
        if kept is not paper:
            kept.first_listing = place
            state.touched.setdefault(kept.id, TouchedPaper(paper=kept)).is_news = True
    paper.is_listed = True
    if kept is not paper:  # a listing of the merged paper may fill gaps of the kept one
        gaps = decide(
            kept.known,
            entry,
            published_on=_published_on(entry, state.listed_on),
            listed_on=state.listed_on,
            seen_on=state.seen_on,
            repeated=True,
        )
        if gaps.fields:
            kept.known = replace(kept.known, **gaps.fields)
            state.touched.setdefault(kept.id, TouchedPaper(paper=kept))


def _comes_before(place: tuple[date, int, int], paper: StoredPaper) -> bool:
    """Whether this listing becomes the first: its date is earlier, or the same dump moved the paper."""
    assert paper.first_listing is not None
    moved = place[1] == paper.first_listing[1] and place != paper.first_listing
    return place[0] < paper.first_listing[0] or moved


def _published_on(entry: Entry, listed_on: date) -> date | None:
    if entry.printed is None:
        return None
    try:
        return resolve_printed(entry.printed, listed_on)
    except ValueError:  # a day that is in no calendar counts as none
        return None


def _write(
    connection: Connection,
    state: _Reconciliation,
    listed: ListedOn,
    *,
    matcher: TopicMatcher,
    now: datetime,
    backfill: bool,
) -> ReconcileReport:
    stored_ids = store.add_papers(connection, state.added, backfill=backfill, now=now)
    touched = state.touched.values()
    store.change_papers(connection, touched, dump_id=state.dump_id, backfill=backfill, now=now)
    store.add_keys(
        connection,
        ((scheme, key, stored_ids.get(paper_id, paper_id)) for scheme, key, paper_id in state.keys),
    )
    store.add_listings(
        connection,
        state.dump_id,
        ((entry, stored_ids.get(paper_id, paper_id)) for entry, paper_id in state.listed),
    )
    former = {paper_id: text.abstract for paper_id, text in state.reworded.items()}
    reworded = {paper_id: state.touched[paper_id].paper.known.text for paper_id in state.reworded}
    moved = {paper_id for paper_id, text in reworded.items() if text.abstract != former[paper_id]}
    possible_duplicates.forget_abstracts(connection, {paper_id: former[paper_id] for paper_id in moved})
    texts = {stored_ids[paper.id]: paper.known.text for paper in state.added}
    found = possible_duplicates.index_abstracts(
        connection,
        {paper_id: text.abstract for paper_id, text in texts.items()}
        | {paper_id: reworded[paper_id].abstract for paper_id in moved},
    )
    for one, other in state.rivals:
        pair = (stored_ids.get(one, one), stored_ids.get(other, other))
        found.append(AbstractOverlap(paper_id=max(pair), other_id=min(pair), overlap=1.0))
    overlaps = possible_duplicates.report(connection, found, now=now)
    assign(connection, texts | reworded, matcher, new=texts.keys())
    revised = sum(bool(item.revisions) for item in touched)
    brought = {
        paper_id
        for paper_id in state.seen & state.listed_before
        if state.known_papers.papers[paper_id].first_text_dump_id == state.dump_id
    }
    new = len(state.news | brought)
    return ReconcileReport(
        listed_on=listed,
        new=new,
        known=len(state.listed) - new,
        revised=revised,
        overlaps=tuple(overlaps),
    )
