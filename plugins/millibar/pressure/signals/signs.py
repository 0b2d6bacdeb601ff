"""The customer's signs: which count is watched against which exposure, and which direction is bad."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """A sign. ``exposure``: a column of the daily health table, ``day`` for plain counts a day, ``due_orders`` for the
    orders whose returns are due. ``direction``: +1 more is bad, -1 fewer is bad, 0 both are. ``action``: the code of
    its action for severity normal; that for high ends in ``_high``. ``event``: what is counted, in words.
    """

    name: str
    count: str
    exposure: str
    direction: int
    action: str
    family: str
    event: str
    unit: str

    @property
    def is_rate(self) -> bool:
        """Whether the exposure is contacts, so that campaigns can be told apart by their rates."""
        return self.exposure in ("contacts", "comments")


SIGNS = (
    Sign(
        "open_rate_falls", "human_opens", "contacts", -1, "sign_open_rate", "binomial", "human opens", "contact"
    ),
    Sign(
        "click_rate_falls", "human_clicks", "contacts", -1, "sign_click_rate", "binomial", "human answers", "contact"
    ),
    Sign("sales_fall", "orders", "day", -1, "sign_sales", "poisson", "orders", "day"),
    Sign(
        "unsubscribes_rise", "unsubscribes", "contacts", 1, "sign_unsubscribes", "binomial", "unsubscriptions",
        "contact",
    ),
    Sign("returns_vary", "returns", "due_orders", 0, "sign_returns", "poisson", "returns", "order due"),
    Sign(
        "spam_complaints_rise", "spam_complaints", "contacts", 1, "sign_spam_complaints", "binomial",
        "spam complaints", "contact",
    ),
    Sign("complaint_wave", "complaints", "day", 1, "sign_complaint_wave", "poisson", "complaints", "day"),
    Sign(
        "negative_comments_rise", "negative_comments", "comments", 1, "sign_negative_comments", "binomial",
        "negative comments", "comment",
    ),
)  # fmt: skip
SIGN_OF = {sign.name: sign for sign in SIGNS}
COMPANY_ACTIONS = {
    "mass_sending": "sign_mass_sending",
    "generic_content": "sign_generic_content",
    "uncoordinated_plan": "sign_uncoordinated_plan",
    "team_turnover": "sign_team_turnover",
}
ACTIONS = {sign.name: sign.action for sign in SIGNS} | COMPANY_ACTIONS


def action_code(sign: str, severity_level: str) -> str:
    """Key into seeds/action_plans.csv."""
    return ACTIONS[sign] + ("_high" if severity_level == "high" else "")
