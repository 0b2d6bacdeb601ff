"""Every number of the simulated market in one place, with its unit and its meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from millibar.sources.contracts import CHANNELS

CHANNEL_NUMBER = {name: number for number, name in enumerate(CHANNELS)}
SEGMENTS = ("store", "search", "social", "partner")  # how a customer was won; incidents strike by segment


@dataclass(frozen=True)
class ChannelParameters:
    """How one channel presses, works and costs. Figures are of a plausible retail brand, not of a real one."""

    intrusiveness: float = 0.0  # pressure points of one contact
    pressure_half_life: float = 1.0  # days
    effect: float = 0.0  # added to the log of the purchase rate when the channel's stock is full (1)
    effect_half_life: float = 3.0  # days the stock takes to halve
    seen: float = 0.0  # share of the empty stock that a contact fills when it is only received
    answered: float = 0.0  # the same when the person reacts to it
    response_rate: float = 0.0  # reactions a contact, of an average person, at an average hour, unpressed
    annoyance: float = 0.0  # unsubscribes and complaints a contact, while pressure is within tolerance
    unit_cost: float = 0.0  # EUR a contact (a click for paid search)
    reachable: float = 0.0  # share of customers with the identifier and the consent
    weekly_blasts: float = 0.0  # mailings, pushes ... planned a week
    reach: float = 0.0  # mean share of the reachable that one blast goes to
    hours: tuple[int, int] = (8, 20)  # local hours a contact may be made in


CHANNEL_TABLE: dict[str, ChannelParameters] = {
    # The brand speaks (pressure).
    "email": ChannelParameters(1.0, 3.0, 1.15, 6.0, 0.09, 0.75, 0.040, 0.0012, 0.002, 0.62, 4.6, 0.145, (7, 21)),
    "sms": ChannelParameters(3.0, 3.0, 1.40, 4.0, 0.26, 0.80, 0.055, 0.0045, 0.06, 0.45, 0.8, 0.110, (9, 19)),
    "direct_mail": ChannelParameters(2.0, 14.0, 0.90, 21.0, 0.32, 0.80, 0.020, 0.0004, 0.85, 0.60, 0.4, 0.150, (9, 13)),
    "call_center": ChannelParameters(5.0, 7.0, 1.10, 15.0, 0.25, 0.85, 0.300, 0.0150, 4.50, 0.35, 5.0, 0.0045, (9, 19)),
    "field_sales": ChannelParameters(6.0, 10.0, 1.20, 30.0, 0.40, 0.90, 0.450, 0.0060, 60.0, 0.03, 4.0, 0.020, (9, 18)),
    "social": ChannelParameters(0.3, 1.0, 0.90, 5.0, 0.13, 0.50, 0.012, 0.0004, 0.004, 0.25, 2.5, 0.090, (9, 22)),
    "push_app": ChannelParameters(1.0, 1.0, 1.00, 2.5, 0.14, 0.70, 0.060, 0.0016, 0.0005, 0.30, 3.0, 0.110, (8, 21)),
    "push_web": ChannelParameters(0.8, 1.0, 0.0, 2.0, 0.02, 0.30, 0.014, 0.0024, 0.0005, 0.12, 2.5, 0.120, (9, 21)),
    "messenger": ChannelParameters(1.5, 2.0, 1.10, 4.0, 0.22, 0.70, 0.080, 0.0030, 0.05, 0.12, 1.0, 0.130, (9, 20)),
    "programmatic": ChannelParameters(0.3, 1.0, 0.18, 2.0, 0.08, 0.25, 0.004, 0.0, 0.004, 0.0, 0.0, 0.0, (7, 23)),
    "onsite": ChannelParameters(0.5, 1.0, 0.40, 3.0, 0.25, 0.60, 0.050, 0.0, 0.0002),
    # The customer comes (no pressure).
    "chat": ChannelParameters(effect=1.00, effect_half_life=2.0, answered=0.85, unit_cost=2.2),
    "search_paid": ChannelParameters(effect=0.80, effect_half_life=3.0, answered=0.70, unit_cost=0.45),
    "search_organic": ChannelParameters(effect=0.40, effect_half_life=3.0, answered=0.70),
    "referral": ChannelParameters(effect=0.90, effect_half_life=5.0, answered=0.70),
    # What intent brings along, no cause: switching it off changes nothing.
    "direct": ChannelParameters(effect=0.0, effect_half_life=1.0),
    "store": ChannelParameters(effect=0.0, effect_half_life=1.0),
}


@dataclass(frozen=True)
class PeopleParameters:
    """Who lives in the market and what is theirs."""

    visitors: float = 0.20  # anonymous visitors beside each known customer
    already_there: float = 0.80  # share of the customers known before the first day; the others come in a year
    household_share: float = 0.45  # customers who share a household with another customer
    same_name_share: float = 0.03  # shared households with a father and a son of one name
    twin_share: float = 0.01  # shared households with twins
    family_mail: float = 0.06  # persons of a shared household who use its first member's mail
    email: float = 0.90  # known persons who have a mail address
    mobile: float = 0.86  # ... a mobile number
    home_phone: float = 0.30  # ... a number of the household
    address: float = 0.72  # ... a postal address the brand knows
    app: float = 0.33  # ... the brand's app
    social_handle: float = 0.28  # ... an account in a social network that follows the brand
    recycled_phone: float = 0.004  # persons who have a number that was another person's before
    maiden_name: float = 0.10  # women known under two family names
    engagement_shape: float = 1.5  # gamma shape of the engagement multiplier (mean 1)
    tolerance_median: float = 0.90  # pressure points
    tolerance_spread: float = 0.55  # standard deviation of the log of tolerance
    tolerance_by_engagement: float = 0.5  # gamma: tolerance grows with engagement ** gamma; 0 makes them independent
    order_rate: float = 3.4  # orders a year before any marketing, mean of a customer
    order_shape: float = 1.1  # gamma shape of the order rate
    visitor_order_rate: float = 0.40  # the same for an anonymous visitor
    death_rate: float = 0.16  # true departures a year, in balance
    best_hours: tuple[float, ...] = (8.0, 12.5, 18.5, 21.0)  # modes of the personal best hour
    best_hour_spread: float = 1.3  # hours
    hour_width: float = 2.2  # hours, how sharp a person's preference is
    hour_gain: float = 2.2  # how much better the best hour is than the worst, as a factor less one
    weekend_person: float = 0.35  # share of persons who answer better at weekends
    shifts: float = 0.06  # share a year of mail readers who move to the app (or to SMS)
    privacy_proxy: float = 0.13  # persons whose mail client opens every mail by itself
    mail_scanner: float = 0.05  # persons whose mail gateway clicks every link on arrival


@dataclass(frozen=True)
class RecordParameters:
    """How the three CRMs know the persons."""

    shop: float = 0.62  # persons with a loyalty card, the more so the more they buy in stores
    ecommerce: float = 0.66  # persons with an online account
    call_center: float = 0.18  # persons with a call-center file
    second_account: float = 0.07  # online customers with a second account under another mail
    second_card: float = 0.04  # card holders with a second card
    typo: float = 0.07  # records with a slip of the finger in a name
    no_accent: float = 0.35  # records without accents
    upper_case: float = 0.30  # records in capitals
    nickname: float = 0.08
    swapped_names: float = 0.02
    placeholder_birth: float = 0.05  # 1900-01-01 or the first of January
    missing_birth: float = 0.35
    hub_phone: float = 0.03  # shop and call-center records with the shop's own number
    blocked_mail: float = 0.015  # shop records with na@na.fr and the like
    yearly_change: float = 0.10  # records that change in a year (move, new mail, new phone)
    stated_channel: float = 0.30
    stated_hour: float = 0.20


@dataclass(frozen=True)
class BehaviourParameters:
    """How persons answer, come, buy and leave."""

    pressure_on_response: float = 0.9  # response falls with R ** -this when R = pressure / tolerance is above 1
    pressure_on_annoyance: float = 1.8  # unsubscribes and complaints rise with R ** this above 1
    pressure_on_orders: float = 0.12  # purchase rate falls with R ** -this above 1
    pressure_on_death: float = 0.45  # departures rise with R ** this above 1 (R capped at 5)
    under_ratio: float = 0.12  # R below this is under-pressure (more contact would still sell)
    targeting: float = 0.8  # how much more a brand writes to those who lately clicked: the confounding
    activity_half_life: float = 45.0  # days the brand remembers a click
    intent_days: float = 6.0  # mean length of a purchase intent
    intent_share: float = 0.80  # orders that grow out of an intent (the others are on impulse)
    intent_visit: float = 0.24  # visits a day while intent lasts
    idle_visit: float = 0.0030  # visits a day of an average person without intent
    order_in_intent: float = 0.16  # orders a day while intent lasts
    intent_lift: float = 0.6  # share of marketing's effect that raises intent; the rest closes the sale
    arrivals: tuple[tuple[str, float], ...] = (
        ("direct", 0.40),
        ("search_organic", 0.30),
        ("search_paid", 0.22),
        ("referral", 0.08),
    )  # how visits come
    paid_search_substitution: float = 0.55  # paid visits that would have come by organic search
    onsite_banner: float = 0.30  # visits that see a banner
    chat_share: float = 0.05  # visits that start a chat
    retargeting: float = 0.12  # daily chance of a display impression in the 14 days after a visit
    display: float = 0.003  # daily chance of one without a visit
    store_visit: float = 0.15  # card scans without a purchase, as a share of those with one
    complaint_rate: float = 0.045  # calls and mails of complaint a person and year
    comment_rate: float = 0.9  # comments and shares a follower and year
    negative_comments: float = 0.14
    human_open: float = 0.19  # opens by eye a mail
    bounce: float = 0.008  # mails and SMS that bounce
    login_share: float = 0.30  # visits of account holders that log in
    cookie_days: float = 110.0  # life of a cookie
    shared_tablet: float = 0.05  # visits of persons of one household on the household's tablet
    store_share: float = 0.45  # orders made in a store
    card_shown: float = 0.90  # store purchases where the card is shown
    basket_median: float = 58.0  # EUR
    basket_spread: float = 0.55  # standard deviation of the log of the amount between orders
    margin_share: float = 0.42
    return_share: tuple[float, float] = (0.13, 0.04)  # e-shop, store
    back_to_the_list: float = 0.05  # of those who unsubscribed, who subscribe again within a year


@dataclass(frozen=True)
class NoiseParameters:
    """What goes wrong between the tools and the landing folder. Shares of rows."""

    late: float = 0.015  # delivered 1 to 3 days late
    duplicate: float = 0.004  # written twice in one file
    redelivered: float = 0.002  # written again in the next delivery
    changed: float = 0.005  # delivered again 1 to 3 days later with another content
    broken: float = 0.003  # extra rows that break the feed's contract
    broken_most: float = 0.02  # never more than this share of one file, so that no source reaches its limit


@dataclass(frozen=True)
class IncidentTemplate:
    """A fault injected into the market; where it strikes is drawn from the seed."""

    kind: str  # what changes: see incidents.py
    first_day: int  # day of the market around which it starts (+- jitter_days)
    length: int  # days
    factor: float  # multiplies the rate that `kind` names
    channels: tuple[str, ...]  # one of them is drawn; empty: no channel
    by_segment: bool = False  # strikes one segment, else everybody
    jitter_days: int = 6
    teams: tuple[str, ...] = ()  # one of them is drawn; empty: every team


INCIDENTS: tuple[IncidentTemplate, ...] = (
    IncidentTemplate("click_drop", 38, 30, 0.45, ("email",), by_segment=True),
    IncidentTemplate("unsubscribe_rise", 80, 28, 4.0, ("email", "sms")),
    IncidentTemplate("negative_comments", 105, 24, 3.0, ("social",)),
    IncidentTemplate("return_rise", 130, 35, 2.2, ()),
    IncidentTemplate("open_drop", 160, 28, 0.50, ("email",)),
    IncidentTemplate("click_drop", 195, 30, 0.40, ("push_app", "sms")),
    IncidentTemplate("sales_drop", 215, 30, 0.55, (), by_segment=True),
    IncidentTemplate("complaint_wave", 240, 15, 6.0, ("call_center",)),
    IncidentTemplate("spam_rise", 285, 16, 8.0, ("email",)),
    IncidentTemplate("unsubscribe_rise", 338, 34, 4.0, ("sms", "email"), jitter_days=3),
    IncidentTemplate("click_drop", 342, 36, 0.45, ("email",), by_segment=True, jitter_days=3),
    IncidentTemplate("complaint_wave", 352, 20, 6.0, ("call_center",), jitter_days=2),
    # One-day outliers: never a pattern.
    IncidentTemplate("click_drop", 22, 1, 0.10, ("email",)),
    IncidentTemplate("unsubscribe_rise", 118, 1, 8.0, ("email", "push_app")),
    IncidentTemplate("double_sending", 176, 1, 2.0, ("email",)),
    IncidentTemplate("sales_drop", 258, 1, 0.20, ()),
    IncidentTemplate("click_drop", 310, 1, 0.10, ("email", "push_app")),
    IncidentTemplate("complaint_wave", 322, 1, 6.0, ("call_center",)),
    # Readers who move: no fault, and no alarm. New templates go to the end: a template's place keys its draws.
    IncidentTemplate("reader_shift", 244, 14, 0.85, ("email",), by_segment=True, jitter_days=4),
    # Faults of the company itself. The factor of the plan's faults is the share of the blasts that they strike.
    IncidentTemplate("team_turnover", 212, 153, 4.0, (), jitter_days=0, teams=("service",)),
    IncidentTemplate("theme_drift", 190, 55, 1.0, ("email", "push_app")),
    IncidentTemplate("generic_content", 285, 50, 1.0, ("email",), jitter_days=3),
    IncidentTemplate("uncoordinated_plan", 318, 50, 0.9, ("email",), jitter_days=3, teams=("digital",)),
    IncidentTemplate("mass_sending", 320, 50, 3.0, ("push_app", "push_web"), jitter_days=3),
)


@dataclass(frozen=True)
class ExperimentTemplate:
    """A randomised holdout: persons of the holdout arm are not contacted by the channel while it runs."""

    channel: str  # empty: a frequency test, the holdout arm gets half of everything
    first_day: int
    length: int  # days
    assigned: float = 0.40  # share of the customers in the experiment
    holdout: float = 0.50  # share of them held out


EXPERIMENTS: tuple[ExperimentTemplate, ...] = (
    ExperimentTemplate("email", 14, 70),
    ExperimentTemplate("sms", 40, 90),
    ExperimentTemplate("direct_mail", 60, 120),
    ExperimentTemplate("push_app", 95, 90),
    ExperimentTemplate("", 120, 120),
    ExperimentTemplate("call_center", 150, 120),
    ExperimentTemplate("messenger", 190, 90),
    ExperimentTemplate("push_web", 200, 90),
    ExperimentTemplate("email", 260, 90, assigned=0.25),
    ExperimentTemplate("programmatic", 270, 95),
    ExperimentTemplate("onsite", 240, 90),
    ExperimentTemplate("social", 275, 90),
)


@dataclass(frozen=True)
class MarketParameters:
    """A whole market. Defaults: 12 months that end on 2025-12-31 and 7 days more, about a million touchpoints."""

    customers: int = 20_000  # known persons
    start: date = date(2025, 1, 1)
    days: int = 372
    seed: int = 1
    volume: float = 1.0  # multiplies how often the brand speaks
    timezone: str = "Europe/Paris"
    effect_sample: int = 4_000  # persons each channel's causal effect is measured on (0: not measured)
    channels: dict[str, ChannelParameters] = field(default_factory=lambda: dict(CHANNEL_TABLE))
    people: PeopleParameters = PeopleParameters()
    records: RecordParameters = RecordParameters()
    behaviour: BehaviourParameters = BehaviourParameters()
    noise: NoiseParameters = NoiseParameters()
    incidents: tuple[IncidentTemplate, ...] = INCIDENTS
    experiments: tuple[ExperimentTemplate, ...] = EXPERIMENTS

    def __post_init__(self) -> None:
        if self.customers < 1:
            raise ValueError(f"customers is {self.customers}; a market needs at least 1")
        if self.days < 1:
            raise ValueError(f"days is {self.days}; a market needs at least 1")
        missing = set(CHANNELS) - set(self.channels)
        if missing:
            raise ValueError(f"channels lacks {', '.join(sorted(missing))}; give every channel of the contract a row")
