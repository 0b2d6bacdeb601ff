"""Every feature a churn model may read: its family, and the scale a linear model reads it on."""

from __future__ import annotations

from typing import Literal, NamedTuple

Family = Literal[
    "silence", "frequency", "value", "returns", "answers", "visits", "pressure", "goodbyes", "complaints", "store"
]
Scale = Literal["log", "logit", "linear"]


class Feature(NamedTuple):
    """``family``: what is moved together when a score is explained; ``scale``: before it is standardised."""

    family: Family
    scale: Scale = "log"


# Columns of intermediate.int_churn__customer, of order_features, of the purchase model (model_*) and those derived
# here. A column that is not named here is never read: labels and ids cannot slip in.
FEATURES: dict[str, Feature] = {
    "days_since_order": Feature("silence"),
    "orders_90d": Feature("silence"),
    "model_p_active": Feature("silence", "logit"),
    "model_p_alive": Feature("silence", "logit"),
    "model_expected_orders": Feature("silence"),
    "overdue": Feature("silence"),
    "age_days": Feature("frequency"),
    "recency_days": Feature("frequency"),
    "orders": Feature("frequency"),
    "repeat_purchases": Feature("frequency"),
    "mean_gap_days": Feature("frequency"),
    "orders_365d": Feature("frequency"),
    "bought_once": Feature("frequency", "linear"),
    "revenue": Feature("value"),
    "revenue_365d": Feature("value"),
    "mean_day_value": Feature("value"),
    "repeat_mean_value": Feature("value"),
    "last_day_value": Feature("value"),
    "returned_share": Feature("returns", "linear"),
    "store_share": Feature("store", "linear"),
    "contacts_30d": Feature("answers"),
    "contacts_90d": Feature("answers"),
    "contacts": Feature("answers"),
    "responses_30d": Feature("answers"),
    "responses_90d": Feature("answers"),
    "human_responses": Feature("answers"),
    "opens_90d": Feature("answers"),
    "channels_90d": Feature("answers"),
    "days_since_response": Feature("answers"),
    "answered_share": Feature("answers", "linear"),
    "acts": Feature("answers"),
    "act_days": Feature("answers"),
    "pushed_act_days": Feature("answers"),
    "observed_days": Feature("answers"),
    "p_alive": Feature("answers", "logit"),
    "act_exposure": Feature("answers"),
    "silent_exposure": Feature("answers"),
    "days_since_act": Feature("answers"),
    "visits_90d": Feature("visits"),
    "days_since_visit": Feature("visits"),
    "pressure_index": Feature("pressure"),
    "unsubscribes": Feature("goodbyes"),
    "unsubscribes_365d": Feature("goodbyes"),
    "complaints": Feature("complaints"),
    "complaints_365d": Feature("complaints"),
}
FAMILIES: tuple[Family, ...] = (
    "silence", "frequency", "value", "returns", "answers", "visits", "pressure", "goodbyes", "complaints", "store"
)  # fmt: skip
# Derived columns and what they are made of; the model columns come from purchase counts, given a purchase model.
DERIVED: dict[str, tuple[str, ...]] = {
    "overdue": ("days_since_order", "mean_gap_days"),
    "bought_once": ("repeat_purchases",),
    "answered_share": ("responses_90d", "contacts_90d"),
}
MODEL_COLUMNS = ("model_p_active", "model_p_alive", "model_expected_orders")
