"""The page of a tuning: which settings won, what they are worth, what was tried, and the file to use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seewhy.core.settings import to_toml
from seewhy.render.numbers import as_percent, number
from seewhy.render.pages import PageTable, Section, sections_page
from seewhy.tune.facts import TuningFacts
from seewhy.tune.summary import brief, compared, spent, verdict


def page(found: TuningFacts) -> str:
    """Return the page."""
    reason, *rest = verdict(found)
    return sections_page(f"Tuning by {found.metric}", [reason, *rest], list(_sections(found)))


def _sections(found: TuningFacts) -> Iterator[Section]:
    yield Section("Winning settings", [brief(found.winner)])
    title, *lines = compared(found)
    yield Section("Scores", [title], items=[line.strip() for line in lines])
    rows = [[number(one.chosen), brief(one)] for one in found.runners_up if one.chosen is not None]
    if rows:
        text = f"By the score used for choosing; the winner has {number(found.winner.chosen or 0.0)}."
        yield Section("Next best", [text], [PageTable("Settings", ("Score", "Settings"), rows)], folded=True)
    mattered = [*_shares(found.sampling_mattered, "sampling"), *_shares(found.free_mattered, "free")]
    if mattered:
        table = PageTable("Share of the variance of the scores", ("Setting", "Kind", "Share"), mattered, frozenset({2}))
        yield Section("Importance of settings", tables=[table], folded=True)
    text = "Save this as tune.toml, then run: seewhy explain PHOTO --settings tune.toml"
    yield Section("Use it", [text], code=to_toml(found.settings()), folded=True)
    yield Section("How it was done", list(spent(found)), items=found.notes, folded=True)


def _shares(shares: Mapping[str, float], kind: str) -> Iterator[list[str]]:
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        yield [name, kind, as_percent(share)]
