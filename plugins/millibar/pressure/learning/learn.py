"""Learning as the stage and the bars do it: what is common to all from a sample, then each customer's own."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.pressure.index.contacts import Contacts, Floats, day_number
from millibar.pressure.index.mixing import ChannelMix, mean_coefficients
from millibar.pressure.learning.channels import ChannelFit, learn_channels
from millibar.pressure.learning.evidence import gather
from millibar.pressure.learning.personal import Posteriors, personal_posteriors
from millibar.pressure.learning.plateau import WEEK, Plateau, find_plateau, weekly_means, weekly_orders
from millibar.pressure.learning.population import PopulationFit
from millibar.pressure.parameters import ToleranceParameters


@dataclass(frozen=True)
class Learned:
    """What is common to all customers: tolerance, how each channel presses, and the purchase plateau."""

    population: PopulationFit
    channels: ChannelFit
    plateau: Plateau | None  # none where the data show none


def sample_of(customers: Sequence[object], size: int) -> npt.NDArray[np.bool_]:
    """Flags of at most ``size`` customers, the same ones on every run: those whose id has the smallest checksum."""
    if len(customers) <= size:
        return np.ones(len(customers), dtype=bool)
    sums = np.array([zlib.crc32(str(name).encode()) for name in customers])
    chosen = np.zeros(len(customers), dtype=bool)
    chosen[np.lexsort((np.asarray(customers, str), sums))[:size]] = True
    return chosen


def learn(
    contacts: Contacts,
    acts: pd.DataFrame,
    orders: pd.DataFrame,
    first_day: int,
    profile: ChannelMix,
    parameters: ToleranceParameters,
) -> Learned:
    """Fit population, channels and plateau to the contacts from ``first_day`` (days since 2000) on.

    ``contacts``: of the sampled customers, with those of some weeks before. ``acts``: as :func:`evidence.gather`.
    ``orders``: customer_id, day.
    """
    evidence = gather(contacts, acts, first_day, parameters.blame_days)
    population, channels = learn_channels(evidence, profile, parameters)
    if not population.fitted or not len(contacts):
        return Learned(population, channels, None)
    own = personal_posteriors(evidence, channels.mix.coefficients(), population)
    plateau = _plateau(contacts, orders, np.exp(own.mean), channels.mix, first_day, parameters)
    believed = plateau.gain >= parameters.plateau_gain and plateau.ratio <= parameters.plateau_most
    return Learned(population, channels, plateau if believed else None)


def _plateau(
    contacts: Contacts,
    orders: pd.DataFrame,
    tolerance: Floats,
    mix: ChannelMix,
    first_day: int,
    parameters: ToleranceParameters,
) -> Plateau:
    """The most likely plateau of the customers' weeks from ``first_day`` to their last contact.

    Orders are held against the index a week before their own, and contacts that answer a visit are left out: who is
    about to buy visits, sees banners and is followed by display, and that is not what made him buy.
    """
    weeks = max(0, (int(contacts.day[-1]) + 1 - first_day) // WEEK)
    customer = pd.Index(contacts.customers).get_indexer(pd.Index(orders["customer_id"]))
    bought = weekly_orders(customer, day_number(orders["day"]), len(contacts.customers), first_day, weeks)
    coefficients = mean_coefficients(mix, contacts.decays())
    coefficients[np.isin(contacts.channels, parameters.reactive_channels)] = 0.0
    means = weekly_means(contacts, coefficients, first_day, weeks)
    came = np.full(len(contacts.customers), np.iinfo(np.int64).max)
    np.minimum.at(came, contacts.customer, contacts.day)  # before the first contact nothing is known of a customer
    there = first_day + WEEK * np.arange(weeks) > came[:, None]
    return find_plateau(np.where(there, means / tolerance[:, None], np.nan)[:, :-1], bought[:, 1:])


def posteriors_of(
    learned: Learned, contacts: Contacts, acts: pd.DataFrame, first_day: int, parameters: ToleranceParameters
) -> Posteriors:
    """Posteriors of all customers of ``contacts`` from their own contacts and acts since ``first_day``."""
    evidence = gather(contacts, acts, first_day, parameters.blame_days)
    return personal_posteriors(evidence, learned.channels.mix.coefficients(), learned.population)
