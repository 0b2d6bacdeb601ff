"""The summary a marketer understands, from schema bi: who the customers are, what each channel earned, the pressure."""

from __future__ import annotations

from typing import Any

from millibar.warehouse.connect import Warehouse

SUMMARY_MODELS = ("last", "markov_shapley", "calibrated")  # what most tools say, the default, what experiments say
BAR = "-" * 78


def summary(warehouse: Warehouse) -> str:
    """The published tables in words and a table; ``ValueError`` where nothing is published yet."""
    if not warehouse.value("select to_regclass('bi.rpt_key_figures') is not null"):
        raise ValueError("nothing is published yet: run `millibar run --as-of DATE`, or `make demo`")
    figures = warehouse.rows("select * from bi.rpt_key_figures")[0]
    parts = [
        BAR,
        f"Millibar, business date {figures['as_of']}",
        BAR,
        _people(figures),
        *_identity(warehouse),
        "",
        _revenue(warehouse, figures["currency"]),
        "",
        _pressure(figures),
        *_churn(warehouse, figures),
        _alerts(warehouse),
        _rejected(warehouse, figures),
        BAR,
    ]
    return "\n".join(parts)


def _people(figures: dict[str, Any]) -> str:
    return "\n".join(
        (
            f"customers     {figures['customers_in_crm']:>12,} found in {figures['records']:,} CRM records",
            f"              {figures['customers_known'] - figures['customers_in_crm']:>12,} known by an e-mail, phone, "
            f"handle or login alone; {figures['customers'] - figures['customers_known']:,} anonymous visitors",
            f"touchpoints   {figures['touchpoints']:>12,}",
            f"conversions   {figures['conversions']:>12,} worth {figures['revenue']:,.0f} {figures['currency']}",
        )
    )


def _identity(warehouse: Warehouse) -> list[str]:
    """How right identity is, where the truth of a simulated market is known."""
    if not warehouse.value("select to_regclass('bi.rpt_identity_quality') is not null"):
        return []
    rows = warehouse.rows(
        "select metric, value from bi.rpt_identity_quality "
        "where as_of = (select max(as_of) from bi.rpt_identity_quality) and metric like 'truth.%%'",
        {},
    )
    told = {row["metric"].removeprefix("truth."): row["value"] for row in rows}
    if not told:
        return []
    return [
        f"identity      pairwise P {told['pairwise_precision']:.3f}, R {told['pairwise_recall']:.3f}, "
        f"F1 {told['pairwise_f1']:.3f}; B-cubed F1 {told['b3_f1']:.3f}",
        f"              {told['over_merged']:,.0f} of {told['clusters']:,.0f} customers hold records of several people "
        "(against the market's truth)",
    ]


def _revenue(warehouse: Warehouse, currency: str) -> str:
    rows = warehouse.rows(
        """
        select channel_label, model, revenue::float8 as revenue, cost::float8 as cost from bi.rpt_channel_performance
        where model = any(%(models)s) order by channel_label
        """,
        {"models": list(SUMMARY_MODELS)},
    )
    channels: dict[str, dict[str, float]] = {}
    for row in rows:
        channels.setdefault(row["channel_label"], {})[row["model"]] = row["revenue"] or 0.0
    ordered = sorted(channels.items(), key=lambda item: -item[1].get("markov_shapley", 0.0))
    lines = [f"{'revenue by channel, last 90 days, ' + currency:<36}" + "".join(f"{m:>16}" for m in SUMMARY_MODELS)]
    lines += [
        f"  {label:<34}" + "".join(f"{held.get(m, 0.0):>16,.0f}" for m in SUMMARY_MODELS) for label, held in ordered
    ]
    totals = [sum(held.get(model, 0.0) for held in channels.values()) for model in SUMMARY_MODELS]
    lines.append(f"  {'total':<34}" + "".join(f"{total:>16,.0f}" for total in totals))
    return "\n".join(lines)


def _pressure(figures: dict[str, Any]) -> str:
    return (
        f"pressure      {figures['customers_under']:>12,} known customers under, "
        f"{figures['customers_balanced']:,} balanced, {figures['customers_over']:,} over"
    )


def _churn(warehouse: Warehouse, figures: dict[str, Any]) -> list[str]:
    """Who is worth keeping, and how right that was on the last complete period."""
    bands = {row["risk_band"]: row for row in warehouse.rows("select * from bi.rpt_churn_risk where segment = 'all'")}
    if not bands:
        return []
    told = ", ".join(f"{bands[name]['customers']:,} {name}" for name in ("medium", "low", "lost") if name in bands)
    high = bands.get("high", {"customers": 0, "value_at_risk": 0.0})
    lines = [
        f"risk to lose  {high['customers']:>12,} customers high, {high['value_at_risk']:,.0f} {figures['currency']} "
        f"a year at stake; {told}"
    ]
    judged = {row["model"]: row["auc"] for row in warehouse.rows("select * from bi.rpt_churn_quality where is_newest")}
    if judged.get("churn_risk") is not None:
        lines.append(
            f"              AUC {judged['churn_risk']:.3f} on the last complete period, days since the last order "
            f"alone {judged['recency']:.3f}"
        )
    return lines


def _alerts(warehouse: Warehouse) -> str:
    rows = warehouse.rows(
        "select sign_label, channel_label, cause from bi.rpt_alert where alert "
        "order by severity desc nulls last limit 5"
    )
    count = warehouse.value("select count(*) from bi.rpt_alert where alert")
    lines = [f"alerts        {count:>12,}"]
    lines += [f"  {row['sign_label']} ({row['channel_label']}): {row['cause'] or 'no single cause'}" for row in rows]
    return "\n".join(lines)


def _rejected(warehouse: Warehouse, figures: dict[str, Any]) -> str:
    rows = warehouse.rows(
        "select source, rows_rejected, top_reason from bi.rpt_load_quality where rows_rejected > 0 "
        "order by rows_rejected desc limit 5"
    )
    head = (
        f"rows read     {figures['rows_read']:>12,} = {figures['rows_loaded']:,} loaded "
        f"+ {figures['rows_duplicate']:,} duplicate + {figures['rows_rejected']:,} rejected"
    )
    return "\n".join(
        [head, *(f"  {row['source']}: {row['rows_rejected']:,}, mostly {row['top_reason']}" for row in rows)]
    )
