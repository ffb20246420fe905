"""Plans the digest of one group of readers: what stands in it, in which form. Reads and stores nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from newsletter.core.debts.digest_plan import DigestPlan, NewVersion, PlannedPaper
from newsletter.core.debts.fit_to_size import as_wished, fit
from newsletter.pipeline.compose.edition_debts import Candidates, Owed
from newsletter.pipeline.compose.grouping import GroupKey
from newsletter.pipeline.compose.options import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A group that gets a digest: its papers in order; their forms are not chosen yet."""

    text: str  # of the group key
    group_key: GroupKey
    candidates: Candidates
    owed: Owed
    news: tuple[PlannedPaper, ...]
    recaps: tuple[PlannedPaper, ...]

    @property
    def leads(self) -> frozenset[int]:
        """Ids of the papers that an earlier digest left out."""
        return frozenset(pair.paper_id for pair in self.owed.pairs if pair.leads)

    def as_wished(self) -> list[PlannedPaper]:
        """The papers that the digest would show if it had room, each in its form."""
        wishes = self.group_key
        return as_wished(self.news, first=self.leads, maximum=wishes.maximum, cards=wishes.cards)


def plan_of(draft: Draft, renderer: Renderer) -> DigestPlan:
    """What the digest shows, as cards and rows, and what it leaves out. renderer: has prepared the papers."""
    candidates = draft.candidates
    note = _note(draft)
    budget = renderer.budget(draft.recaps, note)
    shown, left = fit(
        draft.news,
        first=draft.leads,
        budget=budget,
        maximum=draft.group_key.maximum,
        cards=draft.group_key.cards,
        size_of=renderer.size,
    )
    room = budget - sum(renderer.size(card) for card in shown)
    maybe = () if left else _maybes(draft, shown, room=room, renderer=renderer)
    room -= sum(renderer.size(card, maybe=True) for card in maybe)
    named = {card.paper_id for card in (*shown, *draft.recaps, *left, *maybe)}
    return DigestPlan(
        edition=candidates.newest,
        date=draft.group_key.day,
        news=shown,
        recaps=draft.recaps,
        left_out=left,  # a paper that has a row in reader_debts keeps its open row as well
        maybe=maybe,
        note=note,
        new_versions=_new_versions(draft, named, room=room, renderer=renderer),
    )


def _note(draft: Draft) -> str:
    """The notes of the editions that the digest is the first to show, in their order."""
    fresh = {pair.edition for pair in draft.owed.pairs if pair.edition is not None and not pair.leads}
    notes = draft.candidates.notes
    return "\n\n".join(notes[number] for number in sorted(fresh) if number in notes)


def _maybes(
    draft: Draft, shown: Sequence[PlannedPaper], *, room: int, renderer: Renderer
) -> tuple[PlannedPaper, ...]:
    """Doubtful papers for the room that is left; the others are not shown."""
    most = draft.group_key.maximum
    chosen: list[PlannedPaper] = []
    for card in draft.owed.maybes:
        room -= renderer.size(card, maybe=True)
        if room < 0 or (most is not None and len(shown) + len(chosen) >= most):
            break
        chosen.append(card)
    return tuple(chosen)


def _new_versions(
    draft: Draft, named: Collection[int], *, room: int, renderer: Renderer
) -> tuple[NewVersion, ...]:
    """Lines on new versions for the room that is left. named: papers that the digest shows or owes."""
    lines = [line for line in draft.group_key.new_versions if line.paper_id not in named]
    while lines:
        size = renderer.size_of_versions(lines)
        if size is None:
            return ()
        if size <= room:
            break
        lines.pop()
    return tuple(lines)
