"""The persons of the market: what is true of each of them, whether or not the brand will ever know."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import gammaincinv, ndtri

from millibar.simulation.draws import Array, Draws
from millibar.simulation.parameters import CHANNEL_NUMBER, SEGMENTS, MarketParameters
from millibar.sources.contracts import CHANNELS

NEVER = 10**6  # a day that does not come

_NEEDS_IDENTIFIER = {
    "email": "email",
    "sms": "mobile",
    "direct_mail": "address",
    "call_center": "phone",
    "field_sales": "phone",
    "social": "social_handle",
    "push_app": "app",
    "push_web": "web",
    "messenger": "mobile",
}


@dataclass(frozen=True)
class Persons:
    """Arrays over persons (last axis). Days are market days; ``NEVER`` where there is none."""

    key: Array  # number that keys the person's random draws
    is_known: Array  # has, or will have, a CRM record; the others are anonymous visitors
    entry_day: Array  # first day in the market, negative for those already there
    engagement: Array  # multiplies responses, mean 1
    affinity: Array  # channel x person, multiplies responses in that channel
    sensitivity: Array  # multiplies the effect of marketing on purchases
    tolerance: Array  # pressure points borne without annoyance
    order_rate: Array  # orders a day before any marketing
    basket: Array  # EUR, the person's median order
    store_share: Array  # share of orders made in a store
    death_hazard: Array  # departures a day, in balance
    death_threshold: Array  # summed hazard at which the person leaves for good
    best_hour: Array  # local hour
    likes_weekends: Array
    has_proxy: Array  # mail client opens every mail
    has_scanner: Array  # mail gateway clicks every link
    segment: Array  # number in SEGMENTS
    has_email: Array
    has_mobile: Array
    has_home_phone: Array
    has_address: Array
    has_app: Array
    has_handle: Array
    reachable: Array  # channel x person, identifier and consent at entry
    shift_day: Array  # day the person leaves the newsletter for another channel
    shift_to: Array  # number of that channel, -1 for none

    def __len__(self) -> int:
        return len(self.key)

    def take(self, index: Array) -> Persons:
        """The persons at these places (repeats allowed), in that order."""
        return Persons(**{column.name: getattr(self, column.name)[..., index] for column in fields(self)})


def populate(parameters: MarketParameters, draws: Draws) -> Persons:
    """Draw the population: known customers first, then anonymous visitors."""
    people = parameters.people
    count = parameters.customers + round(parameters.customers * people.visitors)
    key = np.arange(count, dtype=np.uint64)
    is_known = np.arange(count) < parameters.customers
    traits = _Traits(parameters, draws, key, is_known)
    has = traits.identifiers()
    reachable = traits.reachable(has)
    shift_day, shift_to = traits.shifts(reachable)
    engagement = traits.gamma("engagement", people.engagement_shape)
    best_hour, likes_weekends = traits.best_hours()
    return Persons(
        key=key,
        is_known=is_known,
        entry_day=traits.entry_days(),
        engagement=engagement,
        affinity=traits.affinity(),
        sensitivity=traits.lognormal("sensitivity", 0.40),
        tolerance=people.tolerance_median
        * engagement**people.tolerance_by_engagement
        * np.exp(people.tolerance_spread * draws.normal("tolerance", key)),
        order_rate=traits.order_rate(engagement),
        basket=parameters.behaviour.basket_median * traits.lognormal("basket", 0.45),
        store_share=traits.store_share(),
        death_hazard=-np.log(1 - people.death_rate) / 365.0 * traits.lognormal("death", 0.5),
        death_threshold=draws.exponential("death_threshold", key),
        best_hour=best_hour,
        likes_weekends=likes_weekends,
        has_proxy=draws.uniform("proxy", key) < people.privacy_proxy,
        has_scanner=draws.uniform("scanner", key) < people.mail_scanner,
        segment=draws.choice("segment", key, np.array([0.40, 0.30, 0.18, 0.12])),
        has_email=has["email"],
        has_mobile=has["mobile"],
        has_home_phone=has["home_phone"],
        has_address=has["address"],
        has_app=has["app"],
        has_handle=has["social_handle"],
        reachable=reachable,
        shift_day=shift_day,
        shift_to=shift_to,
    )


@dataclass(frozen=True)
class _Traits:
    """Draws of the single traits; each has a stream of its own, so one can change without moving the others."""

    parameters: MarketParameters
    draws: Draws
    key: Array
    is_known: Array

    def gamma(self, stream: str, shape: float) -> Array:
        """Gamma numbers of mean 1."""
        uniform = np.clip(self.draws.uniform(stream, self.key), 1e-6, 1 - 1e-6)
        numbers: Array = gammaincinv(shape, uniform) / shape
        return numbers

    def lognormal(self, stream: str, spread: float) -> Array:
        """Log-normal numbers of median 1."""
        return np.exp(spread * self.draws.normal(stream, self.key))

    def entry_days(self) -> Array:
        people, draws, key = self.parameters.people, self.draws, self.key
        before = -1 - (draws.uniform("entry_before", key) * 700).astype(np.int64)
        after = (draws.uniform("entry_after", key) * 365).astype(np.int64)
        return np.where(draws.uniform("already_there", key) < people.already_there, before, after)

    def affinity(self) -> Array:
        spread = 0.5
        rows = [
            np.exp(spread * self.draws.normal("affinity", self.key, c) - spread**2 / 2) for c in range(len(CHANNELS))
        ]
        return np.array(rows)

    def order_rate(self, engagement: Array) -> Array:
        """Orders a day; those who answer more also buy more (correlation about one half)."""
        people = self.parameters.people
        own = self.gamma("order_rate", people.order_shape)
        mixed = own * engagement**0.4
        yearly = np.where(self.is_known, people.order_rate, people.visitor_order_rate)
        return np.clip(mixed, 0.01, 12.0) * yearly / 365.0

    def store_share(self) -> Array:
        behaviour = self.parameters.behaviour
        logit = ndtri(behaviour.store_share) * 1.7 + 1.6 * self.draws.normal("store_share", self.key)
        return np.where(self.is_known, 1 / (1 + np.exp(-logit)), 0.0)

    def best_hours(self) -> tuple[Array, Array]:
        people, draws = self.parameters.people, self.draws
        modes = np.array(people.best_hours)
        mode = modes[draws.choice("hour_mode", self.key, np.array([0.25, 0.25, 0.25, 0.25]))]
        hour = (mode + people.best_hour_spread * draws.normal("hour", self.key)) % 24.0
        return hour, draws.uniform("weekend", self.key) < people.weekend_person

    def identifiers(self) -> dict[str, Array]:
        people = self.parameters.people
        shares = {
            "email": people.email,
            "mobile": people.mobile,
            "home_phone": people.home_phone,
            "address": people.address,
            "app": people.app,
            "social_handle": people.social_handle,
        }
        has = {
            name: (self.draws.uniform("has_" + name, self.key) < share) & self.is_known
            for name, share in shares.items()
        }
        has["email"] |= ~self.is_known  # a visitor who buys gives a mail at the checkout
        has["phone"] = has["mobile"] | has["home_phone"]
        has["web"] = np.ones(len(self.key), dtype=bool)
        return has

    def reachable(self, has: dict[str, Array]) -> Array:
        """Channel x person: the identifier is there and consent was given at entry."""
        people = self.parameters.people
        shares = {
            "email": people.email,
            "mobile": people.mobile,
            "phone": people.mobile + people.home_phone - people.mobile * people.home_phone,
            "address": people.address,
            "app": people.app,
            "social_handle": people.social_handle,
            "web": 1.0,
        }
        rows = np.zeros((len(CHANNELS), len(self.key)), dtype=bool)
        for channel, identifier in _NEEDS_IDENTIFIER.items():
            consent = min(1.0, self.parameters.channels[channel].reachable / shares[identifier])
            agrees = self.draws.uniform("consent", self.key, CHANNEL_NUMBER[channel]) < consent
            rows[CHANNEL_NUMBER[channel]] = has[identifier] & agrees & self.is_known
        return rows

    def shifts(self, reachable: Array) -> tuple[Array, Array]:
        """Some readers of the newsletter move to the app or to SMS at some day: not a loss, a move."""
        rate = self.parameters.people.shifts / 365.0
        email, app, sms = (CHANNEL_NUMBER[name] for name in ("email", "push_app", "sms"))
        day = np.minimum(self.draws.exponential("shift", self.key) / rate, NEVER).astype(np.int64)
        target = np.where(reachable[app], app, np.where(reachable[sms], sms, -1))
        moves = reachable[email] & (target >= 0)
        return np.where(moves, day, NEVER), np.where(moves, target, -1)


def segment_names(persons: Persons) -> Array:
    """Name of each person's acquisition segment."""
    return np.array(SEGMENTS)[persons.segment]
