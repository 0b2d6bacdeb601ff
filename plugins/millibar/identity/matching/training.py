"""Training of the model: prior from sure rules, u by sampling, m by expectation maximisation in several sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.matching import household
from millibar.identity.matching.blocking import hot_blocks
from millibar.identity.matching.comparisons import Comparison, comparisons_of, frequency_columns
from millibar.identity.matching.engine import compared_table, connection, linker_on, splink_settings, store
from millibar.identity.matching.model import FREQUENCY_COLUMNS, MatchModel, report_levels
from millibar.identity.matching.plan import ExtraKind, MatchPlan
from millibar.identity.matching.scoring import sample_pairs

SAMPLE_RECORDS = 1_600  # 1.3 million pairs of strangers
SESSION_PAIRS = 1_000_000
LEAST_SESSION_PAIRS = 100
LEAST_OBSERVED = 5  # pairs of the sample below which a u is its upper bound rather than a share
RECALL_OF_SURE_RULES = 0.6
MIXTURE_PAIRS = 600_000
PRIOR_BOUNDS = (1e-9, 0.05)
DIGITS = 6
LEAST_M = 1e-4
# Personal identifiers: strangers share one by accident this rarely; a family or a call center shares one by habit.
BY_ACCIDENT = 1e-6
IDENTIFYING = ("email", "phone", "loyalty_id", "crm_id")
FEW_INITIALS = 8  # up to here first letters tell apart who shares a value, beyond all names do
DAYS_OF_BIRTH = 25_000  # a day is one of about so many
COMMON_DAY = 5  # times the mean from which a day of birth is a form's default rather than a birthday
RAREST_NAME = 1e-6  # relatives and namesakes: no whole name is rarer among strangers
COMMON_NAME = 8  # records from which the frequency of a whole name is known better than that of its parts


def train(features: pd.DataFrame, plan: MatchPlan, *, seed: int = 1) -> MatchModel:
    """Train a model on features (as :func:`prepare` makes them, hubs withdrawn).

    The same records give the same model, whatever their order. Raises ``ValueError`` where the plan has nothing to
    compare.
    """
    comparisons = comparisons_of(plan)
    if not comparisons:
        raise ValueError("the plan has no column to compare records by: name at least one in `columns`")
    table, _ = compared_table(features, plan)
    frequencies, floors = _frequencies(table, frequency_columns(comparisons), plan)
    with connection() as database:
        store(database, table, "records")
        prior, matches = _prior(database, len(table), comparisons, plan)
        shares = _u_shares(database, table, comparisons, seed)
        learned, sessions = _sessions(database, table, comparisons, shares, prior, plan)
    settings = {
        "probability_two_random_records_match": _rounded(prior),
        "comparisons": [_settled(c, _median(c, learned.get(c.name, {})), shares[c.name], prior) for c in comparisons],
        "floors": {column: _rounded(floor) for column, floor in floors.items()},
    }
    hot = hot_blocks(features, plan)
    first = MatchModel.frozen(plan, settings, {}, frequencies, hot)
    levels, bits, sampled = sample_pairs(features, first, MIXTURE_PAIRS)
    if len(bits):
        pairs = len(table) * (len(table) - 1) / 2
        settings = _with_households(
            settings, household.fit(levels, bits, settings, pairs, sampled), comparisons, shares
        )
    report = _report(settings, len(table), matches, sessions, seed)
    return MatchModel.frozen(plan, settings, report, frequencies, hot)


def _with_households(
    settings: dict[str, Any],
    found: household.Mixture,
    comparisons: Sequence[Comparison],
    shares: dict[str, list[float]],
) -> dict[str, Any]:
    """The settings with the prior, and where there are households the m and their class, as candidate pairs have it."""
    prior = min(max(found.person, PRIOR_BOUNDS[0]), PRIOR_BOUNDS[1])
    settings = settings | {"probability_two_random_records_match": _rounded(prior)}
    if not found.h:
        return settings
    entries = [_settled(c, found.m[c.name][::-1], shares[c.name], prior) for c in comparisons]
    h = {name: [_rounded(max(share, household.LEAST)) for share in levels[::-1]] for name, levels in found.h.items()}
    odds = _rounded(found.household / found.person)
    return settings | {"comparisons": entries, "household": {"odds": odds, "levels": h}}


def _frequencies(table: pd.DataFrame, columns: Sequence[str], plan: MatchPlan) -> tuple[pd.DataFrame, dict[str, float]]:
    """Share of each common value of the columns, and the share of a value that is not listed."""
    parts, floors = [], {}
    identifying = {*IDENTIFYING, *(extra.name for extra in plan.extras if extra.kind is ExtraKind.IDENTIFIER)}
    for column in columns:
        present = table[table[column].notna()]
        total = max(len(present), 1_000)
        if column in identifying:
            counts, floors[column] = _sharers(present, column), BY_ACCIDENT
        else:
            counts = present[column].value_counts()
            least, floors[column] = _least(column, counts, total)
            counts = counts[counts >= least]
        counts = counts.sort_index()
        parts.append(pd.DataFrame({"column_name": column, "value": counts.index, "frequency": counts / total}))
    return pd.concat(parts, ignore_index=True)[FREQUENCY_COLUMNS], floors


def _least(column: str, counts: pd.Series, total: int) -> tuple[float, float]:
    """Records from which a value is listed, and the share of one that is not."""
    if column == "birth_date":
        return max(COMMON_NAME, COMMON_DAY * float(counts.mean() if len(counts) else 0)), 1 / DAYS_OF_BIRTH
    if column == "name_key":
        return COMMON_NAME, RAREST_NAME
    return 2, 1 / total


def _sharers(present: pd.DataFrame, column: str) -> pd.Series:
    """Persons beyond the first who use a value, as far as their names tell; only values that are shared."""
    if present["given_root"].notna().any():
        shared = present.assign(initial=present["given_root"].str[:1]).groupby(column)
        people = shared["initial"].nunique()
        people = people.where(people < FEW_INITIALS, shared["name_key"].nunique())
        return (people - 1)[people > 1]
    return present[column].value_counts().iloc[:0]


def _bare(comparisons: Sequence[Comparison], shares: dict[str, list[float]] | None = None) -> list[dict[str, Any]]:
    """Splink's comparisons without term frequencies, with the start values of m and, where known, u."""
    told = []
    for comparison in comparisons:
        settings = comparison.settings()
        for place, level in enumerate(settings["comparison_levels"][1:]):
            level.pop("tf_adjustment_column", None)
            level.pop("disable_tf_exact_match_detection", None)
            if shares is not None:
                level["u_probability"] = shares[comparison.name][place]
        told.append(settings)
    return told


def _prior(
    database: duckdb.DuckDBPyConnection, records: int, comparisons: Sequence[Comparison], plan: MatchPlan
) -> tuple[float, int]:
    """Probability that two random records are one person, and the pairs the sure rules found."""
    names = {comparison.name for comparison in comparisons}
    named = " and l.given_root = r.given_root" if "name" in names else ""
    rules = [f"l.{kind} = r.{kind}{named}" for kind in ("email", "phone", "loyalty_id") if kind in names]
    if {"name", "birth_date"} <= names:
        rules.append("l.name_key = r.name_key and l.birth_date = r.birth_date and length(l.birth_date) = 10")
    rules += [f"l.{extra.name} = r.{extra.name}" for extra in plan.extras if extra.kind is ExtraKind.IDENTIFIER]
    if "name" in names and not rules:
        rules.append("l.name_key = r.name_key and l.postal_code = r.postal_code")
    union = " union ".join(
        f"select l.unique_id, r.unique_id from records l join records r on {rule} where l.unique_id < r.unique_id"  # noqa: S608
        for rule in rules
    )
    matches = int(database.sql(f"select count(*) from ({union})").fetchall()[0][0]) if rules else 0  # noqa: S608
    pairs = max(records * (records - 1) / 2, 1)
    share = matches / RECALL_OF_SURE_RULES / pairs if matches else 0.1 / max(records, 10)
    return min(max(share, PRIOR_BOUNDS[0]), PRIOR_BOUNDS[1]), matches


def _u_shares(
    database: duckdb.DuckDBPyConnection, table: pd.DataFrame, comparisons: Sequence[Comparison], seed: int
) -> dict[str, list[float]]:
    """Share of each level among pairs of a sample of records, per comparison, strongest level first."""
    if len(table) > SAMPLE_RECORDS:
        places = np.random.default_rng(seed).choice(len(table), SAMPLE_RECORDS, replace=False)
        sample = table.iloc[np.sort(places)]
    else:
        sample = table
    store(database, sample, "sample")
    linker = linker_on(database, "sample", splink_settings(_bare(comparisons), 0.0001))
    if len(sample) > 1:
        linker.training.estimate_u_using_random_sampling(max_pairs=1e9, min_count_per_level=None, num_chunks=1)
    trained = linker.misc.save_model_to_json()["comparisons"]
    least = LEAST_OBSERVED / max(len(sample) * (len(sample) - 1) / 2, 100)
    return {
        entry["output_column_name"]: [
            max(level.get("u_probability") or least, least) for level in entry["comparison_levels"][1:]
        ]
        for entry in trained
    }


def _session_rules(comparisons: Sequence[Comparison], plan: MatchPlan) -> list[str]:
    names = {comparison.name for comparison in comparisons}
    rules = []
    if "birth_date" in names:
        rules.append("l.birth_date = r.birth_date and length(l.birth_date) = 10")
    if "name" in names:
        rules.append("l.name_key = r.name_key")
    rules += [f"l.{kind} = r.{kind}" for kind in ("email", "phone") if kind in names]
    rules += [f"l.{extra.name} = r.{extra.name}" for extra in plan.extras if extra.kind is ExtraKind.IDENTIFIER]
    if {"name", "address"} <= names:
        rules.append("l.given_root = r.given_root and l.postal_code = r.postal_code")
    return rules


def _sessions(
    database: duckdb.DuckDBPyConnection,
    table: pd.DataFrame,
    comparisons: Sequence[Comparison],
    shares: dict[str, list[float]],
    prior: float,
    plan: MatchPlan,
) -> tuple[dict[str, dict[str, list[float]]], list[dict[str, Any]]]:
    """m of each comparison's levels by session, and how each session went."""
    learned: dict[str, dict[str, list[float]]] = {}
    told = []
    settings = splink_settings(_bare(comparisons, shares), prior)
    for rule in _session_rules(comparisons, plan):
        linker = linker_on(database, "records", settings)
        pairs = _count_pairs(database, table, rule)
        if pairs < LEAST_SESSION_PAIRS:
            told.append({"pairs_with": rule, "pairs": pairs, "used": False})
            continue
        session = linker.training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True, max_pairs=SESSION_PAIRS
        )
        trained = session.core_model_settings
        for comparison in trained.comparisons:
            levels = comparison.comparison_levels[1:]
            values = [level._m_probability for level in levels]
            learned.setdefault(comparison.output_column_name, {})[rule] = [
                value if isinstance(value, float) else LEAST_M for value in values
            ]
        told.append(
            {
                "pairs_with": rule,
                "pairs": pairs,
                "used": True,
                "iterations": len(session._core_model_settings_history) - 1,
                "matching_share": _rounded(trained.probability_two_random_records_match),
            }
        )
    return learned, told


def _count_pairs(database: duckdb.DuckDBPyConnection, table: pd.DataFrame, rule: str) -> int:
    columns = [part.split(" = ")[0].strip().removeprefix("l.") for part in rule.split(" and ") if "r." in part]
    sizes = table.dropna(subset=columns).groupby(columns).size()
    return int((sizes * (sizes - 1) // 2).sum())


def _median(comparison: Comparison, learned: dict[str, list[float]]) -> npt.NDArray[np.float64]:
    """m of each level, strongest first: the sessions' median, or the start values where no session learned it."""
    starts = [level.m for level in comparison.levels]
    means = np.median(np.array(list(learned.values())), axis=0) if learned else np.array(starts)
    return np.asarray(means / max(means.sum(), LEAST_M), dtype=np.float64)


def _settled(
    comparison: Comparison, means: npt.NDArray[np.float64], shares: list[float], prior: float
) -> dict[str, Any]:
    """The comparison's settings with m and u: true pairs taken out of u, weights held within the levels' bounds."""
    settings = comparison.settings()
    means = np.maximum(means, LEAST_M)
    for level, entry, m, share in zip(
        comparison.levels, settings["comparison_levels"][1:], means.tolist(), shares, strict=True
    ):
        u = max(share - prior * m, share / 20) if m > share else share
        low, high = level.bounds
        weight = min(max(math.log2(m / u), low), high)
        entry["m_probability"] = _rounded(m)
        entry["u_probability"] = _rounded(min(m / 2**weight, 1.0))
    return settings


def _rounded(value: float) -> float:
    """Six significant digits: sums in another order must not make another model."""
    return float(f"{value:.{DIGITS}g}")


def _report(
    settings: dict[str, Any], records: int, matches: int, sessions: list[dict[str, Any]], seed: int
) -> dict[str, Any]:
    return {
        "trained_on": records,
        "seed": seed,
        "sure_pairs": matches,
        "probability_two_random_records_match": settings["probability_two_random_records_match"],
        "sessions": sessions,
        "levels": report_levels(settings),
    }
