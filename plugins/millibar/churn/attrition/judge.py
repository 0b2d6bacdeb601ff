"""The verdict on each customer and channel: active, drifting, shifted to another channel, gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from millibar.churn.attrition.blocks import (
    FIRST_DAY,
    Blocks,
    Floats,
    Objects,
    Places,
    read_blocks,
)
from millibar.churn.attrition.departure import begun, change_logs, departure_odds, likelier
from millibar.churn.attrition.parameters import AttritionParameters
from millibar.churn.attrition.population import AttritionFit, a_block, due_acts, fit_channels, left_all_logs

ATTRITION_COLUMNS = [
    "customer_id", "channel", "responses", "recent_responses", "expected_responses", "silence_days", "rhythm_days",
    "p_disengaged", "verdict", "shifted_to", "basis",
]  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    """One channel's customers: chance to have left, (m,); when, (m, blocks); due acts, (m, blocks); moved, where to."""

    left: Floats
    when: Floats
    due: Floats
    factor: Floats  # how much more than average the customer acted before he left, (m,)
    moved: Floats  # chance that it was a move to another channel, given that he left, (m,)
    target: Objects  # the channel he most likely moved to, (m,)
    share: Floats  # of his lost acts it brings, (m,)


def judge_attrition(
    rows: pd.DataFrame,
    as_of: date,
    segments: pd.DataFrame | None = None,
    sought: Collection[str] = (),
    parameters: AttritionParameters | None = None,
) -> pd.DataFrame:
    """Rows of scores.channel_attrition, less the run, in customer and channel order.

    One a customer and channel with a human act in the blocks read. ``rows``: customer_id, channel, block (see
    ``blocks.block_of``), contacts, acts, last_act_on. ``segments``: customer_id, segment. ``sought``: channels on which
    customers come by themselves; there the clock is days, elsewhere contacts.
    ``p_disengaged``: chance to have left the channel. ``expected_responses``: acts to be expected in the recent blocks
    from who he was before. ``rhythm_days``: days between two of his acts at the contacts he gets, null where there are
    none. ``basis``: ``customer``, or ``uncontacted`` where the brand has been silent since his last act: then it is the
    brand that left, and the verdict is active.
    Raises ``ValueError`` naming the row where a count is impossible.
    """
    parameters = parameters or AttritionParameters()
    blocks = read_blocks(rows, as_of, segments, sought, parameters)
    return judge_blocks(blocks, fit_channels(blocks, parameters), as_of, parameters)


def judge_blocks(blocks: Blocks, fit: AttritionFit, as_of: date, parameters: AttritionParameters) -> pd.DataFrame:
    """As ``judge_attrition``, by a fit made before, from a sample perhaps; channels it does not know are left out."""
    logs, there = left_all_logs(blocks, fit, parameters)
    left_all = departure_odds(fit.departure, parameters.blocks) * likelier(logs) * there
    due = {
        name: due_acts(blocks.channels[name], own.rates, blocks.segments)
        for name, own in fit.channels.items()
        if name in blocks.channels
    }
    parts = [pd.DataFrame({name: [] for name in ATTRITION_COLUMNS})]
    for name in due:
        acted = np.flatnonzero(blocks.channels[name].acts.sum(axis=1) > 0)
        if len(acted):
            judged = _judge(blocks, fit, due, name, acted, left_all, parameters)
            rows = _channel_rows(blocks, name, acted, judged, as_of, parameters)
            parts.append(_with_verdict(rows, judged, parameters))
    found = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)[ATTRITION_COLUMNS]
    return found.sort_values(["customer_id", "channel"], ignore_index=True)


def _judge(
    blocks: Blocks,
    fit: AttritionFit,
    due: dict[str, Floats],
    name: str,
    acted: Places,
    left_all: Floats,
    parameters: AttritionParameters,
) -> _Judged:
    """The hypotheses of one channel weighed: nothing changed, he left it alone, he moved elsewhere, he left for good.

    A move falls and rises in one block k: its odds are those of the fall times prior / others * how much likelier a
    rise at k makes the acts on the other channel. Seasons are in the expected acts of both.
    """
    channel, own = blocks.channels[name], fit.channels[name]
    acts, mine, places = channel.acts[acted], due[name][acted], channel.places[acted]
    fell = departure_odds(a_block(parameters.yearly_leaves, parameters), parameters.blocks) * begun(acts)
    fell = fell * likelier(change_logs(acts, mine, own.shape, parameters.residual))
    others = [other for other in due if other != name]
    rises = {other: _rise(blocks, fit, due, other, places, parameters) for other in others}
    known = sum((there.any(axis=1).astype(float) for _, there in rises.values()), np.zeros(len(places)))
    prior = parameters.shift_prior / np.maximum(known, 1.0)
    moves = np.stack([(fell * rise).sum(axis=1) * prior for rise, _ in rises.values()] or [np.zeros(len(places))])
    moving = sum((rise * prior[:, None] for rise, _ in rises.values()), np.zeros(acts.shape))
    odds = fell * (1 - parameters.shift_prior + moving) + left_all[places]
    total = odds.sum(axis=1)
    when = odds / np.maximum(total, 1e-300)[:, None]
    left = total / (1 + total)
    stays = 1 - np.cumsum(when * left[:, None], axis=1)
    factor = (own.shape + (acts * stays).sum(axis=1)) / (own.shape + (mine * stays).sum(axis=1))
    best = moves.argmax(axis=0)
    target = np.array(others or [""], dtype=object)[best]
    share = _gained(blocks, fit, due, places, target, when) / np.maximum(_lost(acts, mine, own.shape, when), 1e-9)
    return _Judged(left, when, mine, factor, moves.sum(axis=0) / np.maximum(total, 1e-300), target, share)


def _rise(
    blocks: Blocks,
    fit: AttritionFit,
    due: dict[str, Floats],
    name: str,
    places: Places,
    parameters: AttritionParameters,
) -> tuple[Floats, Floats]:
    """How much likelier a rise on ``name`` makes the acts of the customers at ``places``, by block, and due acts there.

    0 where the customer was never reached there.
    """
    acts, expected = _rows_of(blocks, due, name, places)
    rise = likelier(change_logs(acts, expected, fit.channels[name].shape, parameters.rise))
    return rise * (expected.sum(axis=1) > 0)[:, None], expected


def _rows_of(blocks: Blocks, due: dict[str, Floats], name: str, places: Places) -> tuple[Floats, Floats]:
    """Acts and due acts on ``name`` of the customers at ``places``, zeros for those not there; (m, blocks)."""
    channel = blocks.channels[name]
    at = np.minimum(np.searchsorted(channel.places, places), len(channel.places) - 1)
    there = (channel.places[at] == places)[:, None]
    return np.where(there, channel.acts[at], 0.0), np.where(there, due[name][at], 0.0)


def _lost(acts: Floats, due: Floats, shape: float, when: Floats) -> Floats:
    """Acts missed since he left, against his own rate before, shape (m,)."""
    after = np.cumsum(when, axis=1)
    usual = (shape + (acts * (1 - after)).sum(axis=1)) / (shape + (due * (1 - after)).sum(axis=1))
    return np.asarray((after * (usual[:, None] * due - acts)).sum(axis=1))


def _gained(
    blocks: Blocks, fit: AttritionFit, due: dict[str, Floats], places: Places, target: Objects, when: Floats
) -> Floats:
    """Acts on each customer's ``target`` since he left, beyond his own rate there before, shape (m,)."""
    gained = np.zeros(len(places))
    for name in due:
        chosen = np.flatnonzero(target == name)
        acts, expected = _rows_of(blocks, due, name, places[chosen])
        gained[chosen] = -_lost(acts, expected, fit.channels[name].shape, when[chosen])
    return gained


def _channel_rows(
    blocks: Blocks, name: str, acted: Places, judged: _Judged, as_of: date, parameters: AttritionParameters
) -> pd.DataFrame:
    channel, recent = blocks.channels[name], slice(-parameters.recent_blocks, None)
    today, last_act = (as_of - FIRST_DAY).days, channel.last_act[acted]
    acts, contacts = channel.acts[acted], channel.contacts[acted]
    silence = np.maximum(today - last_act, 0)  # a clock that runs ahead dates an act after as_of
    since = (
        np.arange(parameters.blocks)[::-1]
        < (today // parameters.block_days - last_act // parameters.block_days)[:, None]
    )
    uncontacted = (contacts * since).sum(axis=1) < parameters.minimum_silent_contacts
    uncontacted &= since.any(axis=1)
    pace = judged.factor * judged.due[:, recent].sum(axis=1)
    days = (parameters.recent_blocks - 1) * parameters.block_days + today % parameters.block_days + 1
    with np.errstate(divide="ignore"):
        rhythm = np.where(pace > 0, days / pace, np.nan)
    basis = np.where(uncontacted & (not channel.is_sought), "uncontacted", "customer")
    return pd.DataFrame(
        {
            "customer_id": blocks.customers[channel.places[acted]],
            "channel": name,
            "responses": acts.sum(axis=1),
            "recent_responses": acts[:, recent].sum(axis=1),
            "expected_responses": pace,
            "silence_days": silence,
            "rhythm_days": rhythm,
            "p_disengaged": judged.left,
            "basis": basis,
        }
    )


def _with_verdict(rows: pd.DataFrame, judged: _Judged, parameters: AttritionParameters) -> pd.DataFrame:
    p = rows["p_disengaged"].to_numpy()
    silent_brand = (rows["basis"] == "uncontacted").to_numpy()
    shifted = (p >= parameters.drifting) & (judged.moved >= parameters.shifted)
    shifted &= judged.share >= parameters.shift_share
    verdict = np.select(
        [silent_brand | (p < parameters.drifting), shifted, p < parameters.gone],
        ["active", "shifted", "drifting"],
        "gone",
    )
    return rows.assign(verdict=verdict, shifted_to=_where_shifted(judged.target, verdict))


def _where_shifted(target: Objects, verdict: Objects) -> Objects:
    found = np.full(len(target), None, dtype=object)
    found[verdict == "shifted"] = target[verdict == "shifted"]
    return found
