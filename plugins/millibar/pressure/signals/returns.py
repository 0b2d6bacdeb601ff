"""Returns against the orders whose returns are due: the delay is learned, the days not delivered yet are left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.pressure.signals.arrays import Floats
from millibar.pressure.signals.inputs import ALL, SalesInputs
from millibar.pressure.signals.parameters import SignParameters
from millibar.pressure.signals.series import DailySeries, lay_out

LONGEST_DELAY = 60  # days; a later return counts as of the last of them
SURE_ZEROS = 3.0  # expected returns in a row of silent days that show the feed has not come, rather than chance
REASON = "reason:"


def delay_distribution(delays: pd.DataFrame, parameters: SignParameters) -> Floats:
    """Share of returns that come ``d`` days after the order, shape (LONGEST_DELAY + 1,), sums to 1.

    ``delays``: delay_days, returns, of orders old enough for all their returns to be there. With fewer than
    ``minimum_delays`` returns: the week around ``return_delay_days``.
    """
    known = delays[pd.to_numeric(delays["delay_days"]) >= 0] if len(delays) else delays
    counts = pd.to_numeric(known["returns"]).to_numpy(dtype=float)
    shares = np.zeros(LONGEST_DELAY + 1)
    if counts.sum() < parameters.minimum_delays:
        usual = parameters.return_delay_days
        shares[max(usual - 3, 0) : usual + 4] = 1.0
        return np.asarray(shares / shares.sum())
    days = np.minimum(pd.to_numeric(known["delay_days"]).to_numpy(dtype=int), LONGEST_DELAY)
    np.add.at(shares, days, counts)
    return np.asarray(shares / shares.sum())


def due_orders(orders: Floats, delay: Floats) -> Floats:
    """Orders of the days before weighted by the share of returns that comes so late; shape of ``orders``.

    The first ``LONGEST_DELAY`` days lack orders before the history: they are scaled up by the share that is known.
    """
    days = orders.shape[1]
    due, known = np.zeros_like(orders), np.zeros(days)
    for late, share in enumerate(delay[:days]):
        if share > 0:
            due[:, late:] += share * orders[:, : days - late]
            known[late:] += share
    return np.asarray(np.where(known >= 0.5, due / np.maximum(known, 1e-9), 0.0))


def undelivered_days(returns: Floats, most: int) -> int:
    """How many of the newest days lack returns although some were due: the feed comes by the week.

    ``returns``: shape (days,), of all channels.
    """
    silent = 0
    while silent < most and silent < len(returns) and returns[-1 - silent] == 0:
        silent += 1
    usual = float(returns[: len(returns) - silent][-56:].mean()) if len(returns) > silent else 0.0
    return silent if usual * silent >= SURE_ZEROS else 0


def return_series(series: DailySeries, sales: SalesInputs, parameters: SignParameters) -> DailySeries | None:
    """Counts ``returns`` and ``due_orders`` of the health series and, beside them, of each reason and channel.

    None where no orders or returns are recorded.
    """
    orders, returns = series.counts.get("orders"), series.counts.get("returns")
    if orders is None or returns is None or not len(orders):
        return None
    due = due_orders(orders, delay_distribution(sales.delays, parameters))
    keys, all_returns, all_due = [series.keys], [returns], [due]
    whole = ((series.keys["channel"] == ALL) & (series.keys["segment"] == ALL)).to_numpy()
    if len(sales.returns):
        rows = sales.returns[sales.returns["reason"].notna()]
        rows = rows.assign(segment=REASON + rows["reason"].astype(str))[["day", "channel", "segment", "returns"]]
        rows = pd.concat([rows, rows.assign(channel=ALL)], ignore_index=True)
        by_reason = lay_out(rows, series.days[-1], len(series.days))
        if len(by_reason.keys):
            of_channel = {c: due[p] for p, (c, s) in enumerate(series.keys.itertuples(index=False)) if s == ALL}
            keys.append(by_reason.keys)
            all_returns.append(by_reason.counts["returns"])
            nothing = np.zeros(len(series.days))
            all_due.append(np.stack([of_channel.get(channel, nothing) for channel in by_reason.keys["channel"]]))
    total = returns[whole].sum(axis=0) if whole.any() else returns.max(axis=0)
    counts = {"returns": np.vstack(all_returns), "due_orders": np.vstack(all_due)}
    laid = DailySeries(pd.concat(keys, ignore_index=True), series.days, counts, series.recorded)
    return laid.until(undelivered_days(total, parameters.report_delay_days))
