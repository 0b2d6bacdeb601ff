"""The tables the signals read, as dbt would have built them, empty; may be run beside the other stages' inputs."""

from __future__ import annotations

TABLES = {
    "marts.fct_channel_health_daily": {
        "day": "date", "channel": "text", "segment": "text",
        **dict.fromkeys(
            ("contacts", "deliveries", "human_opens", "human_clicks", "human_responses", "unsubscribes",
             "spam_complaints", "complaints", "comments", "negative_comments", "orders", "returns"), "bigint",
        ),
        "revenue": "double precision",
    },
    "intermediate.int_touchpoint__daily": {
        "day": "date", "channel": "text", "campaign_id": "text", "device": "text", "message_type": "text",
        "theme": "text",
        **dict.fromkeys(
            ("contacts", "human_opens", "human_clicks", "human_responses", "unsubscribes", "spam_complaints",
             "complaints", "comments", "negative_comments"), "bigint",
        ),
    },
    "intermediate.int_pressure__current": {"customer_id": "text", "channel": "text", "last_contact_on": "date"},
    "staging.stg_campaigns__campaigns": {
        "campaign_id": "text", "campaign_name": "text", "team": "text", "theme": "text", "targeting": "text",
        "content": "text",
    },
    "staging.stg_theme_plans__commitments": {
        "quarter": "text", "channel": "text", "theme": "text", "committed_share": "numeric",
    },
    "staging.stg_staffing__months": {
        "month_on": "date", "team": "text", "headcount": "bigint", "leavers": "bigint",
    },
    "marts.fct_touchpoint": {
        "customer_id": "text", "occurred_at": "timestamptz", "occurred_on": "date", "channel": "text",
        "event_type": "text", "campaign_id": "text", "is_contact": "boolean", "is_response": "boolean",
        "is_machine": "boolean",
    },
    "marts.fct_order": {"order_id": "text", "customer_id": "text", "ordered_on": "date", "sales_channel": "text"},
    "marts.fct_return": {"return_id": "text", "order_id": "text", "returned_on": "date", "reason": "text"},
    "marts.dim_customer": {"customer_id": "text", "acquisition_channel": "text"},
}  # fmt: skip


def statements() -> str:
    """Statements that create what is missing of ``TABLES``."""
    lines = [f"create schema if not exists {name};" for name in ("staging", "intermediate", "marts")]
    for table, columns in TABLES.items():
        lines.append(f"create table if not exists {table} ();")
        lines += [f'alter table {table} add column if not exists "{name}" {kind};' for name, kind in columns.items()]
    return "\n".join(lines)
