"""The five questions of a parameter study, answered with numbers and one plain sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats, JsonObject
from seewhy.study.chance import Estimate, over_pairs, over_photos
from seewhy.study.few_photos import Names, bests, reach
from seewhy.study.tensor import Tensor, mean

MARGIN = 0.1
"""Share of the own best setting's score that may be lost while a setting still counts as one that fits."""

Word = Literal["Yes", "No", "Not clear", "Seen here", "Not asked", "Not measured"]


@dataclass(frozen=True)
class Answer:
    """What a study says to one question."""

    question: str
    word: Word
    text: str
    """One or two sentences for people."""
    score: float | None = None
    """Mean score of the best setting where it is judged: of its own best for questions 2 to 4."""
    loss: Estimate | None = None
    """Own best less the setting that was carried over; question 1: none."""
    default_loss: Estimate | None = None
    """Own best less the default."""
    gain: Estimate | None = None
    """Best or carried-over setting less the default."""
    better: float | None = None
    """Share of the cases in which that is above 0."""
    equal: float | None = None
    """Share in which it is 0: mostly because the default itself was chosen."""

    def to_dict(self) -> JsonObject:
        """Return the answer as plain values."""
        return asdict(self)


def explains_best(tensor: Tensor, groups: Sequence[str], *, apart: bool, names: Names) -> Answer:
    """Answer question 1: which setting explains a photo best, and is choosing one worth it?

    One photo is enough for its best setting; the interval is about photos that were not studied.
    """
    question = "Which setting explains this photo best?"
    gains = tensor.own - tensor.default
    gain = over_photos(mean(gains, axis=0), groups)
    if gain is None:
        return Answer(question, "Not measured", "No photo has scores of both its best setting and the default.")
    known = gains[np.isfinite(gains)]
    better, equal = float((known > 0).mean()), float((known == 0).mean())
    strongest, above = _against_baselines(tensor)
    tail = (
        f" The best setting beats the strongest baseline ({strongest}) in {_share(above)} of cases."
        if strongest
        else ""
    )
    counted = (
        f"the photo's own best setting beats the default in {_share(better)} of cases, by {_worth(gain)} on average"
    )
    score = float(mean(tensor.own))
    if not apart:
        word: Word = "Not clear"
        text = f"Here {counted}, but the same number was used to choose and to report. Questions 2 to 4 tell more."
    elif gain.low is None or gain.high is None:
        word, text = "Seen here", f"{bests(tensor, names)} {_capital(counted)}. {reach(gain)}"
    elif gain.low > 0:
        word, text = "Yes", f"Choosing a setting for each photo pays: {counted}."
    elif gain.high < 0:
        word, text = "No", f"The default is better than the chosen settings: {counted}."
    else:
        word, text = "Not clear", f"It is not clear whether choosing a setting pays: {counted}."
    return Answer(question, word, text + tail, score, None, None, gain, better, equal)


def fits_elsewhere(
    question: str, where: str, tensor: Tensor, pairs: NDArray[np.bool_], groups: Sequence[str]
) -> Answer:
    """Answer question 2 or 3: does a photo's best setting fit the other photos of ``pairs`` (P, P)?"""
    if not pairs.any():
        why = "no class has two photos" if where.endswith("of the class") else "there is one class only"
        return Answer(question, "Not asked", f"{why.capitalize()}.")
    cases = _Cases.of(tensor.own[:, None], np.where(pairs, tensor.across_photos, np.nan), tensor.default[:, None])
    return _carried(question, where, cases, groups)


def fits_another_model(tensor: Tensor, groups: Sequence[str]) -> Answer:
    """Answer question 4: does the best setting for one model fit another?"""
    question, models = "Does it fit another model?", len(tensor.own)
    if models < 2:
        return Answer(question, "Not asked", "There is one model only.")
    n = tensor.own.shape[1]
    carried = np.full((models, models, n, n), np.nan)
    diagonal = np.arange(n)
    carried[..., diagonal, diagonal] = tensor.across_models
    carried[np.arange(models), np.arange(models)] = np.nan  # a model against itself
    cases = _Cases.of(tensor.own[None, :, None], carried, tensor.default[None, :, None])
    return _carried(question, "under another model", cases, groups)


def better_explained(tensor: Tensor, groups: Sequence[str], models: Sequence[str]) -> Answer:
    """Answer question 5: is one model explained better than the others, each photo with its own best setting?

    The model with the highest mean is held against each of the others on the photos that both have. With more than two
    models its interval has to stay above 0 for all of them.
    """
    question = "Is one model explained better than the others?"
    if len(models) < 2:
        return Answer(question, "Not asked", "There is one model only.")
    shared = np.where(np.isfinite(tensor.own).all(axis=0), tensor.own, np.nan)
    means = mean(shared, axis=1)
    if not np.isfinite(means).all():
        return Answer(question, "Not measured", "No photo has scores under every model.")
    order = [int(m) for m in np.argsort(-means, kind="stable")]
    first, second = order[:2]
    gaps = [gap for m in order[1:] if (gap := over_photos(shared[first] - shared[m], groups)) is not None]
    ends = [gap.low for gap in gaps if gap.low is not None]
    scores = ", ".join(f"{models[m]} {means[m]:.3g}" for m in order)
    word: Word = "Seen here" if len(ends) < len(gaps) else ("Yes" if min(ends) > 0 else "Not clear")
    beginning = {"Yes": f"{models[first]} is explained better:", "Not clear": "It is not clear:"}.get(word, "Here,")
    text = (
        f"{beginning} with the best setting of each photo the mean scores are {scores}; {models[first]} scores "
        f"{_worth(gaps[0])} more than {models[second]}."
    )
    usual = over_photos(
        np.where(np.isfinite(shared[0]), tensor.default[first] - tensor.default[second], np.nan), groups
    )
    if usual is not None:
        text += f" With the default setting, {models[first]} scores {_against(_turned(usual))} {models[second]}."
    if word == "Seen here":
        text += f" {reach(gaps[0])}"
    wins = shared[first] - shared[second]
    wins = wins[np.isfinite(wins)]
    return Answer(
        question, word, text, float(means[first]), gain=gaps[0],
        better=float((wins > 0).mean()), equal=float((wins == 0).mean()),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Cases:
    """Scores (K, P, P) of the same cases; NaN in all three where there is none."""

    own: Floats
    carried: Floats
    default: Floats

    @classmethod
    def of(cls, *scores: Floats) -> _Cases:
        """Return the cases that have all three scores (..., P, P)."""
        three = np.broadcast_arrays(*scores)
        known = np.isfinite(three).all(axis=0)
        n = three[0].shape[-1]
        return cls(*(np.where(known, one, np.nan).reshape(-1, n, n) for one in three))


def _carried(question: str, where: str, cases: _Cases, groups: Sequence[str]) -> Answer:
    own, carried, default = cases.own, cases.carried, cases.default
    loss, default_loss, gain = (
        over_pairs(mean(values, axis=0), groups) for values in (own - carried, own - default, carried - default)
    )
    if loss is None or default_loss is None or gain is None:
        return Answer(question, "Not measured", "No photo has scores of both the carried-over setting and the default.")
    score = float(mean(mean(own, axis=0)))
    word = _word(loss, score)
    text = (
        f"{_beginning(word)} {where}, the carried-over setting scores {_against(loss)} the best setting there "
        f"({score:.3g} on average); the default scores {_against(default_loss)} it. {_advice(gain)}"
    )
    if word == "Seen here":
        fits = (carried >= own - MARGIN * np.abs(own))[np.isfinite(carried)]
        text += f" It stays within {_share(MARGIN)} of the best in {fits.sum()} of {fits.size} cases. {reach(loss)}"
    differences = carried - default
    differences = differences[np.isfinite(differences)]
    better, equal = float((differences > 0).mean()), float((differences == 0).mean())
    return Answer(question, word, text, score, loss, default_loss, gain, better, equal)


def _word(loss: Estimate, score: float) -> Word:
    """Return the verdict: what is lost, held against a share of what there is to lose."""
    if loss.low is None or loss.high is None:
        return "Seen here"
    if score <= 0:
        return "Not clear"
    if loss.high <= MARGIN * score:
        return "Yes"
    return "No" if loss.low > MARGIN * score else "Not clear"


def _beginning(word: Word) -> str:
    return {
        "Yes": f"The best setting fits, to within {_share(MARGIN)} of the score:",
        "No": f"The best setting does not fit; it is more than {_share(MARGIN)} of the score worse:",
        "Not clear": "It is not clear whether the best setting fits:",
    }.get(word, "Here,")


def _against(loss: Estimate) -> str:
    """Say how far a score lies from another, in words that have no negative numbers."""
    return f"{_worth(_turned(loss))} above" if loss.value < 0 else f"{_worth(loss)} below"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _advice(gain: Estimate) -> str:
    """Say whether the setting that is carried over is worth more than the default."""
    if gain.low is None or gain.high is None:
        if gain.value == 0:
            return "The carried-over setting and the default score the same."
        return f"The carried-over setting scores {_against(_turned(gain))} the default."
    if gain.low > 0:
        return f"The carried-over setting still beats the default, by {_worth(gain)}."
    if gain.high < 0:
        return f"Keep the default; it is {_worth(_turned(gain))} better."
    return f"The carried-over setting is not distinguishable from the default (difference {_worth(gain)})."


def _turned(found: Estimate) -> Estimate:
    low, high = (None if end is None else -end for end in (found.high, found.low))
    return Estimate(-found.value, low, high, found.pairs, found.photos, found.groups)


def _worth(found: Estimate) -> str:
    """Return a difference with its interval, in the decimals that its largest number needs for two that count."""
    ends = [] if found.low is None or found.high is None else [found.low, found.high]
    largest = max(abs(one) for one in (found.value, *ends))
    decimals = 2 if largest == 0 else max(0, 1 - math.floor(math.log10(largest)))
    value, *between = (f"{round(one, decimals) + 0.0:.{decimals}f}" for one in (found.value, *ends))
    return (f"{value} [{', '.join(between)}]" if between else value).replace("-", "\N{MINUS SIGN}")


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _against_baselines(tensor: Tensor) -> tuple[str, float]:
    """Return the baseline with the highest mean score, and how often the best setting beats it."""
    means = {name: float(mean(values)) for name, values in tensor.baselines.items() if np.isfinite(values).any()}
    if not means:
        return "", 0.0
    strongest = max(means, key=lambda name: means[name])
    ahead = tensor.own - tensor.baselines[strongest]
    return strongest, float((ahead[np.isfinite(ahead)] > 0).mean())
