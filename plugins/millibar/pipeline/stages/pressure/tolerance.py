"""What each customer bears: learned before the month of as_of, for whom something happened since then learned anew."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg2 import sql

from millibar import __version__
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.pressure import inputs, learned_json
from millibar.pipeline.stages.pressure.inputs import Profiles
from millibar.pipeline.stages.scores import forget_old_days, record_model_run, stamped
from millibar.pressure.index.contacts import DECAYED, day_number, read_contacts
from millibar.pressure.learning.learn import Learned, learn, posteriors_of, sample_of
from millibar.pressure.learning.personal import Posteriors, tolerances_of
from millibar.pressure.parameters import ToleranceParameters
from millibar.warehouse.connect import Warehouse, identifier

MODEL = "pressure_tolerance"
FITS_KEPT = 2  # months
CHUNK = 20_000  # customers read at once

NO_CONTACTS = pd.DataFrame({name: [] for name in ("customer_id", "channel", "day", "contacts_1d", *DECAYED)})
NO_ACTS = pd.DataFrame({name: [] for name in ("customer_id", "channel", "day", "answers", "annoyances")})

FINGERPRINT = """
    select channel, sum(contacts)::float8 as contacts, sum(human_responses)::float8 as responses,
        sum(unsubscribes + spam_complaints + complaints)::float8 as annoyances
    from intermediate.int_touchpoint__daily
    where day >= %(first)s and day < %(end)s
    group by channel
    order by channel
"""

FORGET_FITS = sql.SQL("""
    delete from {table}
    where fitted_on <> %(fitted_on)s and fitted_on not in (
        select fitted_on from scores.pressure_fit order by fitted_on desc limit %(kept)s
    )
""")


@dataclass(frozen=True)
class Window:
    """Days a fit reads: acts and contacts from ``first`` on, contacts from ``warm_up`` on, both before ``end``."""

    warm_up: date
    first: date
    end: date

    @classmethod
    def before_month(cls, as_of: date, parameters: ToleranceParameters) -> Window:
        end = as_of.replace(day=1)
        first = end - timedelta(days=parameters.fit_days)
        return cls(first - timedelta(days=parameters.warm_up_days), first, end)

    def until(self, end: date) -> Window:
        return Window(self.warm_up, self.first, end)

    @property
    def first_number(self) -> int:
        return int(day_number(pd.DatetimeIndex([self.first]))[0])


def score(
    warehouse: Warehouse, run: RunContext, profiles: Profiles, parameters: ToleranceParameters
) -> tuple[Learned, pd.DataFrame, int]:
    """What is learned, the tolerances of everybody (as scores.pressure_tolerance), and rows written.

    The fit of a month is kept in scores.pressure_fit and made again when what it read has changed. Customers who came,
    or were annoyed, since then are learned anew from the days until as_of: few, so a day stays cheap.
    """
    started = time.monotonic()
    window = Window.before_month(run.as_of, parameters)
    people = warehouse.frame(inputs.CUSTOMERS, {"last": run.as_of})
    learned, stored, was_kept = _fit(warehouse, run, profiles, parameters, window, people)
    last = window.until(run.as_of + timedelta(days=1))
    since = {"first": window.end, "end": last.end}
    annoyed = people["customer_id"].isin(warehouse.frame(inputs.ANNOYED, since)["customer_id"])
    spoken = people["customer_id"].isin(warehouse.frame(inputs.SPOKEN_TO, since)["customer_id"])
    new = ~people["customer_id"].isin(stored["customer_id"])
    anew, silent = people[annoyed | (new & spoken)], people[new & ~spoken & ~annoyed]
    fresh = pd.concat(
        [
            _tolerances(warehouse, learned, profiles, last, anew, parameters),
            _without_contacts(learned, profiles, last, silent, parameters),
        ],
        ignore_index=True,
    )
    kept = stored[stored["customer_id"].isin(people["customer_id"]) & ~stored["customer_id"].isin(fresh["customer_id"])]
    everybody = pd.concat([kept, fresh], ignore_index=True).sort_values("customer_id", ignore_index=True)
    told = learned.population.told() | {"is_kept_fit": was_kept, "plateau": learned.plateau and learned.plateau.ratio}
    counted = {
        "customers": len(everybody),
        "learned_anew": len(anew),
        "without_contacts": len(silent),
        "fitted_on": window.end.isoformat(),
        "share_basis_customer": float((everybody["basis"] == "customer").mean()) if len(everybody) else 0.0,
    }
    with warehouse.transaction():
        rows = stamped(everybody.assign(fitted_on=window.end), run)
        written = warehouse.replace("scores.pressure_tolerance", rows, {"as_of": run.as_of})
        forget_old_days(warehouse, "scores.pressure_tolerance")
        record_model_run(warehouse, run, MODEL, started, inputs=counted, parameters=parameters, fit_quality=told)
    return learned, everybody, written


def _fit(
    warehouse: Warehouse,
    run: RunContext,
    profiles: Profiles,
    parameters: ToleranceParameters,
    window: Window,
    people: pd.DataFrame,
) -> tuple[Learned, pd.DataFrame, bool]:
    """The month's fit, its tolerances, and whether it was there already."""
    fingerprint = _fingerprint(warehouse, window, profiles, parameters)
    key = {"fitted_on": window.end}
    kept = warehouse.rows("select fingerprint, learned from scores.pressure_fit where fitted_on = %(fitted_on)s", key)
    if kept and kept[0]["fingerprint"] == fingerprint:
        rows = warehouse.frame(
            """select customer_id, tolerance, tolerance_low, tolerance_high, engagement, basis
            from scores.pressure_fit_tolerance where fitted_on = %(fitted_on)s""",
            key,
        )
        return learned_json.read(kept[0]["learned"], profiles.mix), rows, True
    learned = _learn(warehouse, profiles, window, people, parameters)
    rows = _tolerances(warehouse, learned, profiles, window, _spoken_to(warehouse, window, people), parameters)
    fit = {"fitted_on": [window.end], "run_id": [run.run_id], "fingerprint": [fingerprint]}
    with warehouse.transaction():
        warehouse.replace("scores.pressure_fit", pa.table(fit | {"learned": [learned_json.write(learned)]}), key)
        fitted = pa.Table.from_pandas(rows.assign(fitted_on=window.end), preserve_index=False)
        warehouse.replace("scores.pressure_fit_tolerance", fitted, key)
        for table in ("scores.pressure_fit_tolerance", "scores.pressure_fit"):
            warehouse.execute(FORGET_FITS.format(table=identifier(table)), key | {"kept": FITS_KEPT})
    return learned, rows, False


def _fingerprint(warehouse: Warehouse, window: Window, profiles: Profiles, parameters: ToleranceParameters) -> str:
    """Checksum of what a fit depends on: release, the window's events by channel, the profiles and the parameters."""
    events = warehouse.frame(FINGERPRINT, {"first": window.warm_up, "end": window.end})
    mix = profiles.mix
    told = [
        __version__,
        events.values.tolist(),
        list(mix.channels),
        mix.weights.tolist(),
        mix.half_lives.tolist(),
        asdict(parameters),
    ]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _spoken_to(warehouse: Warehouse, window: Window, people: pd.DataFrame) -> pd.DataFrame:
    """The customers with a contact in the window; nobody else's tolerance can be learned from it."""
    spoken = warehouse.frame(inputs.SPOKEN_TO, {"first": window.first, "end": window.end})
    return people[people["customer_id"].isin(spoken["customer_id"])]


def _learn(
    warehouse: Warehouse, profiles: Profiles, window: Window, people: pd.DataFrame, parameters: ToleranceParameters
) -> Learned:
    """Population and channels, from a sample of the known customers who were spoken to.

    A cookie that saw a banner and is gone says nothing of tolerance, and there are more of them than of customers.
    """
    spoken = _spoken_to(warehouse, window, people)
    names = spoken[spoken["is_known"].astype(bool)]["customer_id"].tolist()
    sample = sorted(np.asarray(names, object)[sample_of(names, parameters.sample_customers)].tolist())
    chosen = {"first": window.warm_up, "end": window.end, "customers": sample}
    contacts, _ = inputs.contacts_of(warehouse, profiles, inputs.CONTACTS_OF, chosen, sample)
    acts = warehouse.frame(inputs.ACTS_OF, chosen | {"first": window.first})
    orders = warehouse.frame(inputs.ORDERS_OF, chosen | {"first": window.first})
    return learn(contacts, acts, orders, window.first_number, profiles.mix, parameters)


def _tolerances(
    warehouse: Warehouse,
    learned: Learned,
    profiles: Profiles,
    window: Window,
    people: pd.DataFrame,
    parameters: ToleranceParameters,
) -> pd.DataFrame:
    """Tolerances of ``people`` (customer_id, segment; sorted) from what happened in the window."""
    names, parts = people["customer_id"].tolist(), []
    few = len(names) <= CHUNK  # fewer than a chunk are named one by one, more are read by ranges
    for at in range(0, len(names), CHUNK):
        chunk = names[at : at + CHUNK]
        chosen = inputs.between(window.warm_up, window.end, chunk) | {"customers": chunk}
        contact_sql, act_sql = (inputs.CONTACTS_OF, inputs.ACTS_OF) if few else (inputs.CONTACTS, inputs.ACTS)
        contacts, _ = inputs.contacts_of(warehouse, profiles, contact_sql, chosen, chunk)
        acts = warehouse.frame(act_sql, chosen | {"first": window.first})
        parts.append(posteriors_of(learned, contacts, acts, window.first_number, parameters))
    posteriors = Posteriors.joined(parts)
    segments = people["segment"].to_numpy(dtype=object)
    found = tolerances_of(posteriors, learned.population, segments, parameters)
    return found.frame(np.asarray(names, object))


def _without_contacts(
    learned: Learned, profiles: Profiles, window: Window, people: pd.DataFrame, parameters: ToleranceParameters
) -> pd.DataFrame:
    """Tolerances of customers nobody spoke to in the window: what the population and their segment lead to expect."""
    names = people["customer_id"].to_numpy(dtype=object)
    contacts = read_contacts(NO_CONTACTS, profiles.half_lives, names)
    posteriors = posteriors_of(learned, contacts, NO_ACTS, window.first_number, parameters)
    segments = people["segment"].to_numpy(dtype=object)
    return tolerances_of(posteriors, learned.population, segments, parameters).frame(names)
