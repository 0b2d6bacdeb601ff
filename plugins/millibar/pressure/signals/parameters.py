"""Numbers of the signs an analyst may change (section ``signs`` of dbt_project.yml)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SeasonParameters:
    """The season of sales.

    ``history_days``: how far back daily orders are read. ``minimum_days``: fewer learn nothing, the calendar's priors
    stand. ``gap_days``: newest days that are not learned from. ``harmonics``: pairs of Fourier terms of the year;
    ``wave_spread``: prior standard deviation of the first pair, that of the k-th is a k-th of it. ``trend_spread``:
    of the log change over the history. ``clip``: standard deviations a day may pull.
    """

    history_days: int = 500
    minimum_days: int = 370
    gap_days: int = 28
    harmonics: int = 4
    wave_spread: float = 0.15
    trend_spread: float = 0.5
    clip: float = 2.5


@dataclass(frozen=True)
class SignParameters:
    """What makes a sign of a detection, and what it is worth.

    **Shift**: the newest ``shift_days`` at most are weighed; ``shift_z`` is the confidence (one-sided, standard
    deviations) with which engagement elsewhere must have risen, ``shift_kept`` the least share of the loss that
    came back, ``cohort_customers`` the most customers asked for. **Sales**: a fall is abnormal when what season and
    base leave of it is ``sales_z`` standard deviations out and at least ``sales_least``; the active base counts
    buyers of ``active_days`` and explains no more than down to ``base_least``. **Returns**: ``return_delay_days``
    until a delay can be learned from ``minimum_delays`` returns; ``report_delay_days``: returns are delivered by
    the week and later, days for which none came yet are not judged. **Spam**: a channel of ``mailbox_channels`` is
    measured against ``spam_limit`` and ``spam_critical`` over ``spam_days``; ``prior_contacts``: weight of its own
    past in the posterior. **Waves**: ``adverse_days`` of the recent ones, likelihood ratio ``wave_ratio``.
    **Plan**: two periods of ``plan_weeks``; a channel is judged from ``minimum_campaigns`` in each; trends are told
    below ``trend_p`` where they move at least ``trend_least``; beyond ``mass_limit``, ``generic_limit``,
    ``theme_limit`` (distance of the theme mix from the plan) and ``collision_limit`` (share of contacts) they are
    alerts. Collisions are counted on ``collision_customers`` customers, ``collision_rounds`` turned calendars,
    within ``collision_hours``; channels of ``reactive_channels`` answer what the customer does and have no
    calendar. **Turnover**: ``turnover_months`` are recent; beyond ``turnover_limit`` leavers a head and year it is
    an alert.
    ``drivers``: causes kept of each kind. ``prior_events``: events a contributor's own past is shrunk by.
    """

    shift_days: int = 28
    shift_z: float = 2.33
    shift_kept: float = 0.5
    cohort_customers: int = 20_000
    sales_z: float = 1.645
    sales_least: float = 0.1
    base_least: float = 0.75
    active_days: int = 90
    return_delay_days: int = 14
    minimum_delays: int = 100
    report_delay_days: int = 10
    spam_limit: float = 0.001
    spam_critical: float = 0.003
    spam_days: int = 28
    spam_sure: float = 0.8
    prior_contacts: float = 2_000.0
    mailbox_channels: list[str] = field(default_factory=lambda: ["email"])
    adverse_days: int = 4
    wave_ratio: float = 6.63
    minimum_events: float = 5.0
    plan_weeks: int = 8
    minimum_campaigns: int = 4
    trend_p: float = 0.05
    trend_least: float = 0.1
    mass_limit: float = 0.8
    generic_limit: float = 0.7
    theme_limit: float = 0.6
    collision_limit: float = 0.3
    collision_hours: float = 24.0
    collision_rounds: int = 100
    collision_customers: int = 2_000
    reactive_channels: list[str] = field(default_factory=lambda: ["onsite", "programmatic", "search_paid", "chat"])
    turnover_months: int = 3
    turnover_limit: float = 0.5
    drivers: int = 5
    prior_events: float = 5.0
    high_probability: float = 0.9
    # How far a sign must be out (ratio of observed to expected less 1, either way) for severity_level high.
    high_effect: dict[str, float] = field(
        default_factory=lambda: {
            "open_rate_falls": 0.4,
            "click_rate_falls": 0.4,
            "sales_fall": 0.3,
            "unsubscribes_rise": 1.5,
            "returns_vary": 0.75,
            "spam_complaints_rise": 3.0,
            "complaint_wave": 2.0,
            "negative_comments_rise": 1.5,
            "mass_sending": 0.5,
            "generic_content": 0.5,
            "uncoordinated_plan": 1.0,
            "team_turnover": 2.0,
        }
    )
    # What one customer touched is worth at risk, in the reporting currency: house estimates, to compare signs.
    value_at_risk: dict[str, float] = field(
        default_factory=lambda: {
            "open_rate_falls": 0.1,
            "click_rate_falls": 0.5,
            "sales_fall": 60.0,
            "unsubscribes_rise": 10.0,
            "returns_vary": 40.0,
            "spam_complaints_rise": 25.0,
            "complaint_wave": 30.0,
            "negative_comments_rise": 5.0,
            "mass_sending": 0.02,
            "generic_content": 0.02,
            "uncoordinated_plan": 0.1,
            "team_turnover": 2_000.0,
        }
    )
