"""A made-up publication: the reporting tables as the cockpit reads them, with figures of a plausible brand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from millibar.warehouse.connect import Warehouse

AS_OF = date(2025, 3, 14)
RUN_ID = "scheduled__2025-03-14"
LAST_EVENT = datetime(2025, 3, 14, 20, 55, tzinfo=UTC)
CURRENCY = "EUR"

Row = dict[str, Any]

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "rpt_key_figures": {
        "records": "bigint", "customers": "bigint", "customers_known": "bigint", "touchpoints": "bigint",
        "conversions": "bigint", "revenue": "numeric", "revenue_30d": "numeric", "conversions_30d": "bigint",
        "customers_under": "bigint", "customers_balanced": "bigint", "customers_over": "bigint", "alerts": "bigint",
        "last_event_at": "timestamptz", "currency": "text",
    },
    "rpt_channel_performance": {
        "model": "text", "model_label": "text", "is_default": "boolean", "channel": "text", "channel_label": "text",
        "conversions": "float8", "conversions_low": "float8", "conversions_high": "float8",
        "revenue": "float8", "revenue_low": "float8", "revenue_high": "float8", "revenue_share": "float8",
        "cost": "numeric", "roas": "float8", "cpa": "float8", "removal_effect": "float8",
    },
    "rpt_budget_plan": {
        "channel": "text", "channel_label": "text", "current_spend": "float8", "recommended_spend": "float8",
        "spend_change": "float8", "spend_change_share": "float8", "expected_revenue": "float8",
        "expected_low": "float8", "expected_high": "float8", "expected_gain": "float8", "marginal_return": "float8",
        "marginal_return_low": "float8", "marginal_return_high": "float8", "is_limited": "boolean", "basis": "text",
    },
    "rpt_attribution_change": {
        "model_label": "text", "is_default": "boolean", "channel": "text", "channel_label": "text",
        "first_before": "date", "last_before": "date", "first_now": "date", "last_now": "date",
        "share_before": "float8", "share_now": "float8", "change": "float8", "change_low": "float8",
        "change_high": "float8", "is_real": "boolean", "volume_effect": "float8", "share_effect": "float8",
    },
    "rpt_pressure_state": {
        "channel": "text", "channel_label": "text", "state": "text", "customers": "bigint", "share": "float8",
    },
    "rpt_alert": {
        "sign": "text", "sign_label": "text", "channel": "text", "channel_label": "text", "segment": "text",
        "observed": "float8", "expected": "float8", "effect": "float8", "p_value": "float8", "q_value": "float8",
        "severity": "float8", "severity_level": "text", "verdict": "text", "alert": "boolean", "incident": "boolean",
        "shifted_to": "text", "since": "date", "false_alarms_per_100_series_years": "float8", "cause": "text",
        "action_code": "text", "action": "text", "owner": "text", "expires_on": "date",
    },
    "rpt_alert_driver": {
        "sign": "text", "channel": "text", "segment": "text", "rank": "integer", "kind": "text", "driver": "text",
        "share": "float8",
    },
    "rpt_signal_matrix": {
        "sign": "text", "sign_label": "text", "channel": "text", "channel_label": "text", "verdict": "text",
        "effect": "float8", "segments": "bigint", "segments_alerting": "bigint",
    },
    "rpt_churn_risk": {
        "segment": "text", "risk_band": "text", "customers": "bigint", "share": "float8", "value_at_risk": "float8",
        "mean_p_active": "float8", "action": "text", "owner": "text",
    },
    "rpt_churn_quality": {
        "model": "text", "horizon_days": "integer", "observed_share": "float8", "predicted_share": "float8",
        "auc": "float8", "is_newest": "boolean",
    },
    "rpt_churn_customer": {
        "customer_id": "text", "risk_band": "text", "expected_loss": "float8", "p_active": "float8",
        "main_reason": "text", "second_reason": "text", "third_reason": "text", "action": "text", "channel": "text",
        "channel_label": "text", "next_moment_at": "timestamptz",
    },
    "rpt_channel_attrition": {
        "channel": "text", "channel_label": "text", "verdict": "text", "shifted_to": "text",
        "shifted_to_label": "text", "customers": "bigint",
    },
    "rpt_best_moment": {
        "channel": "text", "channel_label": "text", "weekday": "integer", "hour": "integer", "customers": "bigint",
        "customers_stated": "bigint", "customers_learned": "bigint", "expected_response": "float8",
        "usual_response": "float8",
    },
    "rpt_load_quality": {
        "source": "text", "feed": "text", "last_delivered_on": "date", "rows_read": "bigint", "rows_loaded": "bigint",
        "rows_duplicate": "bigint", "rows_rejected": "bigint", "rejected_share": "float8",
        "batches_failed": "bigint", "top_reason": "text",
    },
}  # fmt: skip

# Channel -> label, share of conversions by Markov, share by last touch, cost, customers reached, share over-pressed.
CHANNELS: Mapping[str, tuple[str, float, float, float | None, int, float]] = {
    "email": ("Newsletter and mail", 0.205, 0.142, 9_800, 14_210, 0.19),
    "search_paid": ("Paid search", 0.148, 0.221, 61_400, 0, 0.0),
    "direct_mail": ("Direct mail", 0.102, 0.031, 44_100, 6_120, 0.08),
    "sms": ("Text message", 0.093, 0.074, 7_300, 8_940, 0.31),
    "social": ("Social networks", 0.089, 0.062, 28_700, 9_605, 0.05),
    "search_organic": ("Organic search", 0.081, 0.118, None, 0, 0.0),
    "push_app": ("App push", 0.074, 0.058, 1_950, 7_730, 0.24),
    "call_center": ("Call centre", 0.061, 0.044, 38_200, 1_480, 0.41),
    "programmatic": ("Display, programmatic", 0.049, 0.021, 33_900, 15_020, 0.03),
    "direct": ("Direct visit", 0.042, 0.163, None, 0, 0.0),
    "referral": ("Referral", 0.031, 0.049, 3_100, 0, 0.0),
    "messenger": ("Messenger", 0.025, 0.017, 2_400, 2_310, 0.12),
}
CONVERSIONS = 51_240
BASKET = 74.3
RULES = {"last": "Last touch", "first": "First touch", "linear": "Linear", "time_decay": "Time decay"}


def figures(**changed: Any) -> Row:
    return {
        "records": 31_204, "customers": 20_016, "customers_known": 12_377, "touchpoints": 1_042_311,
        "conversions": CONVERSIONS, "revenue": 3_807_132.0, "revenue_30d": 318_450.2, "conversions_30d": 4_286,
        "customers_under": 5_310, "customers_balanced": 7_902, "customers_over": 2_044, "alerts": 3,
        "last_event_at": LAST_EVENT, "currency": CURRENCY,
    } | changed  # fmt: skip


def credit(channel: str = "email", model: str = "markov", **changed: Any) -> Row:
    label, markov, last, cost, *_ = CHANNELS.get(channel, (channel, 0.1, 0.1, 1_000, 0, 0.0))
    part = {"markov": markov, "last": last}.get(model, (markov + last) / 2)
    conversions, revenue = CONVERSIONS * part, CONVERSIONS * part * BASKET
    width = 0.06 + 0.05 / math.sqrt(part * 10) if model in ("markov", "shapley") else None
    return {
        "model": model,
        "model_label": {"markov": "Markov chain", "shapley": "Shapley value", **RULES}.get(model, model),
        "is_default": model == "markov",
        "channel": channel,
        "channel_label": label,
        "conversions": conversions,
        "conversions_low": conversions * (1 - width) if width else None,
        "conversions_high": conversions * (1 + width) if width else None,
        "revenue": revenue,
        "revenue_low": revenue * (1 - width) if width else None,
        "revenue_high": revenue * (1 + width) if width else None,
        "revenue_share": part,
        "cost": cost,
        "roas": revenue / cost if cost else None,
        "cpa": cost / conversions if cost else None,
        "removal_effect": part / 2,
    } | changed


def plan(channel: str = "search_paid", spend: float = 61_400.0, part: float = 0.3, **changed: Any) -> Row:
    label = CHANNELS[channel][0] if channel in CHANNELS else channel
    return {
        "channel": channel, "channel_label": label, "current_spend": spend, "recommended_spend": spend * (1 + part),
        "spend_change": spend * part, "spend_change_share": part, "expected_revenue": spend * 5.2,
        "expected_low": spend * 4.1, "expected_high": spend * 6.3, "expected_gain": spend * part * 2.4,
        "marginal_return": 2.4, "marginal_return_low": 1.1, "marginal_return_high": 3.9, "is_limited": abs(part) >= 0.3,
        "basis": "daily series",
    } | changed  # fmt: skip


def change(channel: str = "sms", points: float = 0.014, **changed: Any) -> Row:
    label = CHANNELS[channel][0] if channel in CHANNELS else channel
    return {
        "model_label": "Markov-Shapley", "is_default": True, "channel": channel, "channel_label": label,
        "first_before": date(2025, 1, 18), "last_before": date(2025, 2, 14), "first_now": date(2025, 2, 15),
        "last_now": AS_OF, "share_before": 0.08, "share_now": 0.08 + points, "change": points,
        "change_low": points - 0.006, "change_high": points + 0.006, "is_real": abs(points) > 0.006,
        "volume_effect": 31.0, "share_effect": 4_000 * points,
    } | changed  # fmt: skip


def pressure(channel: str, state: str, customers: int, **changed: Any) -> Row:
    label = CHANNELS[channel][0] if channel in CHANNELS else channel
    return {"channel": channel, "channel_label": label, "state": state, "customers": customers, "share": None} | changed


def alert(**changed: Any) -> Row:
    return {
        "sign": "click_rate_falls", "sign_label": "Click rate falls", "channel": "email",
        "channel_label": "Newsletter and mail", "segment": "all", "observed": 0.0213, "expected": 0.0342,
        "effect": -0.38, "p_value": 1e-6, "q_value": 1e-5, "severity": 48_200.0, "alert": True, "incident": False,
        "cause": "Sends per customer rose by 46% in three weeks; the campaign \"Spring weeks\" carries most of it.",
        "action_code": "cut_volume", "action": "Cut the volume of this channel by a third for two weeks.",
        "owner": "CRM team", "severity_level": "normal", "verdict": "alert", "shifted_to": None,
        "since": date(2025, 3, 2), "false_alarms_per_100_series_years": 6.2, "expires_on": date(2025, 4, 11),
    } | changed  # fmt: skip


def driver(rank: int, kind: str, name: str, part: float, **changed: Any) -> Row:
    return {
        "sign": "click_rate_falls", "channel": "email", "segment": "all", "rank": rank, "kind": kind, "driver": name,
        "share": part,
    } | changed  # fmt: skip


def cell(sign: str, label: str, channel: str, verdict: str, **changed: Any) -> Row:
    name = CHANNELS[channel][0] if channel in CHANNELS else channel
    return {
        "sign": sign, "sign_label": label, "channel": channel, "channel_label": name, "verdict": verdict,
        "effect": -0.38 if verdict == "alert" else 0.02, "segments": 5, "segments_alerting": 2 * (verdict == "alert"),
    } | changed  # fmt: skip


def band(name: str, customers: int, at_risk: float, **changed: Any) -> Row:
    return {
        "segment": "all", "risk_band": name, "customers": customers, "share": customers / 12_377,
        "value_at_risk": at_risk, "mean_p_active": {"low": 0.61, "medium": 0.34, "high": 0.22, "lost": 0.01}[name],
        "action": f"Plan of band {name}.", "owner": "CRM team",
    } | changed  # fmt: skip


def judged(model: str, auc: float, **changed: Any) -> Row:
    return {
        "model": model, "horizon_days": 90, "observed_share": 0.413, "predicted_share": 0.427, "auc": auc,
        "is_newest": True,
    } | changed  # fmt: skip


def leaver(number: int, loss: float, **changed: Any) -> Row:
    return {
        "customer_id": f"c{number:06d}", "risk_band": "high", "expected_loss": loss, "p_active": 0.18,
        "main_reason": "no order for 143 days, usually every 31", "second_reason": "answered 0 of 22 messages in 90 days",
        "third_reason": None, "action": "Call", "channel": "sms", "channel_label": "Text message",
        "next_moment_at": datetime(2025, 3, 17, 17, 0, tzinfo=UTC),
    } | changed  # fmt: skip


def listens(channel: str, verdict: str, customers: int, to: str | None = None) -> Row:
    return {
        "channel": channel, "channel_label": CHANNELS[channel][0], "verdict": verdict, "shifted_to": to,
        "shifted_to_label": CHANNELS[to][0] if to else None, "customers": customers,
    }  # fmt: skip


def best(channel: str, hour: int, customers: int, **changed: Any) -> Row:
    return {
        "channel": channel, "channel_label": CHANNELS[channel][0], "weekday": 1, "hour": hour, "customers": customers,
        "customers_stated": customers // 10, "customers_learned": customers // 2, "expected_response": 0.061,
        "usual_response": 0.048,
    } | changed  # fmt: skip


def load(source: str = "email_platform", feed: str = "touchpoints", **changed: Any) -> Row:
    return {
        "source": source, "feed": feed, "last_delivered_on": AS_OF, "rows_read": 612_405, "rows_loaded": 609_880,
        "rows_duplicate": 1_611, "rows_rejected": 914, "rejected_share": 914 / 612_405, "batches_failed": 0,
        "top_reason": "occurred_at is no timestamp",
    } | changed  # fmt: skip


def whole() -> dict[str, Sequence[Row]]:
    """All tables of a brand with twelve channels."""
    states = [
        pressure(channel, state, round(reached * part))
        for channel, (_, _, _, _, reached, over) in CHANNELS.items()
        if reached
        for state, part in (("under", 0.45 - over / 2), ("balanced", 0.55 - over / 2), ("over", over))
    ]
    states += [pressure("all", state, n) for state, n in (("under", 5_310), ("balanced", 7_902), ("over", 2_044))]
    return {
        "rpt_key_figures": [figures()],
        "rpt_channel_performance": [credit(c, m) for m in ("markov", "shapley", *RULES) for c in CHANNELS],
        "rpt_budget_plan": [plan(), plan("direct_mail", 44_100.0, -0.3), plan("social", 28_700.0, 0.001)],
        "rpt_attribution_change": [change(), change("email", -0.021), change("social", 0.002), change("direct", 0.0)],
        "rpt_pressure_state": states,
        "rpt_alert": [
            alert(),
            alert(
                sign="spam_complaints_rise", sign_label="Spam complaints rise", channel="sms", segment="new customers",
                channel_label="Text message", observed=0.0017, expected=0.0006, severity=21_950.0,
                cause="Two campaigns reached people who bought within the last week.",
                action="Stop the segment and ask for permission again.", owner="Mobile team",
            ),
            alert(
                sign="complaint_wave", sign_label="Complaint wave", channel="call_center", channel_label="Call centre",
                observed=5.9, expected=2.5, severity=9_120.0, cause=None,
                action="Service first: hold marketing to those who complained until they are answered.",
                owner="Customer service",
            ),
            alert(
                sign="unsubscribes_rise", sign_label="Unsubscribes rise", channel="push_app", channel_label="App push",
                observed=0.0062, expected=0.0026, severity=1_040.0, alert=False, incident=True, owner=None,
                verdict="incident", since=None, expires_on=None,
                cause="One send on 13 March went out twice.", action="Note it; no action unless it comes back.",
            ),
        ],
        "rpt_alert_driver": [
            driver(1, "campaign", "Spring weeks", 0.62), driver(2, "campaign", "(other)", 0.31),
            driver(3, "device", "mobile", 0.4), driver(4, "team", "CRM", -0.1),
        ],
        "rpt_signal_matrix": [
            cell("click_rate_falls", "Click rate falls", "email", "alert"),
            cell("click_rate_falls", "Click rate falls", "sms", "nothing"),
            cell("click_rate_falls", "Click rate falls", "direct", "not_judged"),
            cell("sales_fall", "Sales fall", "email", "not_judged"),
            cell("sales_fall", "Sales fall", "all", "expected", effect=-0.21),
        ],
        "rpt_churn_risk": [
            band("low", 8_020, 41_200.0), band("medium", 2_940, 112_900.0), band("high", 1_004, 161_300.0),
            band("lost", 413, 3_100.0), band("high", 90, 9_000.0, segment="persona:silent"),
        ],
        "rpt_churn_quality": [
            judged("churn_risk", 0.756), judged("mbg_nbd", 0.729),
            judged("recency", 0.684, predicted_share=None), judged("churn_risk", 0.7, is_newest=False),
        ],
        "rpt_churn_customer": [leaver(1, 812.0), leaver(2, 640.5, next_moment_at=None, risk_band="medium")],
        "rpt_channel_attrition": [
            listens("email", "active", 6_100), listens("email", "drifting", 900), listens("email", "gone", 720),
            listens("email", "shifted", 310, "push_app"), listens("email", "shifted", 45, "sms"),
            listens("sms", "active", 2_200), listens("sms", "gone", 140),
        ],
        "rpt_best_moment": [
            best("email", 8, 3_100), best("email", 18, 4_900), best("email", 12, 2_000), best("sms", 12, 900),
            best("email", 18, 100, weekday=4),
        ],
        "rpt_load_quality": [
            load(),
            load("web_shop", "orders", rows_read=51_702, rows_loaded=51_240, rows_duplicate=388, rows_rejected=74,
                 rejected_share=74 / 51_702, top_reason="amount is negative"),
            load("crm_north", "customers", rows_read=18_022, rows_loaded=18_022, rows_duplicate=0, rows_rejected=0,
                 rejected_share=0.0, top_reason=None),
        ],
    }  # fmt: skip


def publish(
    warehouse: Warehouse,
    tables: Mapping[str, Sequence[Row]],
    *,
    published_at: datetime | None = None,
    run_id: str = RUN_ID,
) -> None:
    """Fill schema bi as a green run would: in one transaction, old rows replaced."""
    moment = published_at or datetime.now(UTC)
    with warehouse.transaction():
        for table, rows in tables.items():
            columns = {"as_of": "date", **COLUMNS[table]}
            definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            warehouse.execute(f"create table if not exists bi.{table} ({definition})")
            warehouse.execute(f"delete from bi.{table}")
            complete = [{"as_of": AS_OF, **row} for row in rows]
            for row in complete:
                names = ", ".join(row)
                values = ", ".join(f"%({name})s" for name in row)
                warehouse.execute(f"insert into bi.{table} ({names}) values ({values})", row)
            warehouse.execute(
                """
                insert into bi.publication (table_name, as_of, run_id, rows, published_at)
                values (%(table)s, %(as_of)s, %(run_id)s, %(rows)s, %(moment)s)
                on conflict (table_name) do update
                set as_of = excluded.as_of, run_id = excluded.run_id, rows = excluded.rows,
                    published_at = excluded.published_at
                """,
                {"table": table, "as_of": AS_OF, "run_id": run_id, "rows": len(rows), "moment": moment},
            )
