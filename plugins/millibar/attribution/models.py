"""Attribution models to fit: estimators in the manner of scikit-learn, and all models of a list in one call.

    >>> import pandas as pd
    >>> paths = pd.DataFrame({
    ...     "path": ["search > mail", "search", "mail > search > mail"],
    ...     "conversions": [40, 25, 10], "non_conversions": [160, 300, 50], "value": [2000.0, 900.0, 700.0],
    ... })
    >>> model = MarkovShapley(order=1).fit(paths)
    >>> model.credits_[["channel", "conversions"]].round(1).to_dict("records")
    [{'channel': 'mail', 'conversions': 31.0}, {'channel': 'search', 'conversions': 44.0}]
    >>> float(model.credits_["conversions"].sum().round(9))
    75.0

Parameters are given to ``__init__`` and never changed by ``fit``; what was found ends in an underscore.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, Self

import pandas as pd

from millibar.attribution.chains.markov import CONVENTIONS, EXACT, MARKOV, markov_credits
from millibar.attribution.chains.order import choose_order
from millibar.attribution.coalitions.markov_shapley import MARKOV_SHAPLEY, SEED, highest_order, markov_shapley_credits
from millibar.attribution.coalitions.shapley import shapley_credits
from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.result import Credits
from millibar.attribution.rules import DIRECT, RULES, rule_credits

SHAPLEY, SHAPLEY_ORDERED = "shapley", "shapley_ordered"
MODELS = (*RULES, SHAPLEY, SHAPLEY_ORDERED, MARKOV, MARKOV_SHAPLEY)
NEEDS_CLOCK = ("time_decay", "same_touch", "time_to_conversion")
AUTO = "auto"
Order = int | str  # 1 or more, or AUTO
OPTIONAL_COLUMNS = ("non_conversions", "value", "value_squared")


def fit_models(
    paths: Paths | pd.DataFrame,
    models: Sequence[str],
    order: Order = 1,
    convention: str = EXACT,
    confidence: float = 0.95,
    *,
    errors: bool = True,
    direct: str = DIRECT,
) -> list[Credits]:
    """Credits of every model, in the order asked for.

    ``paths``: encoded, or a table (see :func:`as_paths`). ``models``: names of ``MODELS``. ``order``: of the chain of
    markov and markov_shapley; ``auto`` chooses it by held-out likelihood (for markov_shapley at most the highest its
    states allow). ``convention``: of markov only. ``confidence``: checked here, used by ``Credits.frame(z)``
    (:func:`interval_z`). ``errors``: whether standard errors are wanted. Raises ``ValueError`` on an unknown model,
    order, convention or confidence.
    """
    unknown = [name for name in models if name not in MODELS]
    if unknown:
        why = " (it needs the times of touches: the warehouse has it)" if unknown[0] in NEEDS_CLOCK else ""
        raise ValueError(f"model {unknown[0]!r} is not known{why}; choose among {', '.join(MODELS)}")
    _checked(order, convention)
    interval_z(confidence)
    encoded = as_paths(paths)
    chosen = _order(order, encoded) if {MARKOV, MARKOV_SHAPLEY} & set(models) else 1
    fits: dict[str, Callable[[], Credits]] = {
        MARKOV: lambda: markov_credits(encoded, chosen, convention, errors=errors),
        MARKOV_SHAPLEY: lambda: markov_shapley_credits(encoded, _playable(order, chosen, encoded), errors=errors),
        SHAPLEY: lambda: shapley_credits(encoded, errors=errors),
        SHAPLEY_ORDERED: lambda: shapley_credits(encoded, ordered=True, errors=errors),
    }
    return [
        fits[name]() if name in fits else rule_credits(encoded, name, direct=direct, errors=errors) for name in models
    ]


def as_paths(rows: Paths | pd.DataFrame) -> Paths:
    """Encoded paths of a table with columns path, conversions and, if there are any, non_conversions, value,
    value_squared.

    Raises ``ValueError`` where a column is missing or a count is negative.
    """
    if isinstance(rows, Paths):
        return rows
    missing = [name for name in ("path", "conversions") if name not in rows.columns]
    if missing:
        raise ValueError(
            f"paths have no column {missing[0]!r}: path and conversions are needed, found {list(rows.columns)}"
        )
    return encode_paths(rows.assign(**{name: 0.0 for name in OPTIONAL_COLUMNS if name not in rows.columns}))


def interval_z(confidence: float) -> float:
    """Standard errors on each side of an interval. Raises ``ValueError`` outside 0..1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence}: between 0 and 1, for instance 0.95")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


class _Attribution(ABC):
    """What all estimators share. A subclass fits in ``_credits``.

    After :meth:`fit`: ``credits_`` (DataFrame, a row a channel: ``result.CREDIT_COLUMNS``), ``intervals_`` (DataFrame:
    channel, conversions_low, conversions_high, revenue_low, revenue_high), ``result_`` (:class:`Credits`),
    ``channels_`` (names, sorted).
    """

    confidence: float

    def fit(self, paths: Paths | pd.DataFrame) -> Self:
        """Fit on aggregated paths (:class:`Paths`, or a table as of :func:`as_paths`). Raises ``ValueError``."""
        z = interval_z(self.confidence)
        self.result_ = self._credits(as_paths(paths))
        self.channels_ = self.result_.channels
        self.credits_ = self.result_.frame(z)
        columns = ["channel", "conversions_low", "conversions_high", "revenue_low", "revenue_high"]
        self.intervals_ = self.credits_[columns]
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, as given."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters. Raises ``ValueError`` on one that is not of this model."""
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({told})"

    @abstractmethod
    def _credits(self, paths: Paths) -> Credits:
        """Fit."""


class MarkovAttribution(_Attribution):
    """Removal effects of a Markov chain of any order, exact (Anderl et al. 2016).

    ``order``: channels a state remembers, or ``auto`` (held-out likelihood); ``order_`` is the one fitted.
    ``removal_effects_``: DataFrame of channel, conversions, revenue: the share lost without the channel.
    """

    def __init__(self, order: Order = 1, convention: str = EXACT, confidence: float = 0.95) -> None:
        self.order: Order = order
        self.convention = convention
        self.confidence = confidence

    def _credits(self, paths: Paths) -> Credits:
        _checked(self.order, self.convention)
        self.order_ = _order(self.order, paths)
        found = markov_credits(paths, self.order_, self.convention)
        self.removal_effects_ = _effects(found)
        return found


class MarkovShapley(_Attribution):
    """Shapley values of the fitted chain's coalitions: the default data-driven model (markov_shapley.py).

    ``order``, ``order_``, ``removal_effects_``: as of :class:`MarkovAttribution`. ``seed``: of sampled orders of
    joining, where there are too many channels for all coalitions.
    """

    def __init__(self, order: Order = 1, confidence: float = 0.95, seed: int = SEED) -> None:
        self.order: Order = order
        self.confidence = confidence
        self.seed = seed

    def _credits(self, paths: Paths) -> Credits:
        _checked(self.order, EXACT)
        self.order_ = _playable(self.order, _order(self.order, paths), paths)
        found = markov_shapley_credits(paths, self.order_, seed=self.seed)
        self.removal_effects_ = _effects(found)
        return found


class ShapleyAttribution(_Attribution):
    """Shapley values of the observed paths in closed form (Zhao, Mahboobi & Bagheri 2018).

    ``ordered``: also by position, ``shapley.ordered_shapley``; totals by channel are the same.
    """

    def __init__(self, ordered: bool = False, confidence: float = 0.95) -> None:
        self.ordered = ordered
        self.confidence = confidence

    def _credits(self, paths: Paths) -> Credits:
        return shapley_credits(paths, ordered=self.ordered)


class RuleAttribution(_Attribution):
    """A rule: first, last, last_non_direct, linear, position, j_shaped, inverse_j, participation (rules.py).

    ``first_share``, ``last_share``: of the ends, for position and its kin; None takes the rule's own. ``direct``: the
    channel last_non_direct passes over.
    """

    def __init__(
        self,
        rule: str = "linear",
        first_share: float | None = None,
        last_share: float | None = None,
        direct: str = DIRECT,
        confidence: float = 0.95,
    ) -> None:
        self.rule = rule
        self.first_share = first_share
        self.last_share = last_share
        self.direct = direct
        self.confidence = confidence

    def _credits(self, paths: Paths) -> Credits:
        return rule_credits(
            paths, self.rule, first_share=self.first_share, last_share=self.last_share, direct=self.direct
        )


def _checked(order: Order, convention: str) -> None:
    if order != AUTO and (isinstance(order, bool) or not isinstance(order, int) or order < 1):
        raise ValueError(f"order {order!r}: 1 or more, or 'auto'")
    if convention not in CONVENTIONS:
        raise ValueError(f"convention {convention!r}: choose one of {', '.join(CONVENTIONS)}")


def _order(order: Order, paths: Paths) -> int:
    """The order asked for, or chosen on held-out journeys."""
    if order != AUTO:
        return int(order)
    return choose_order(paths) if paths.journeys > 0 else 1


def _playable(asked: Order, chosen: int, paths: Paths) -> int:
    """The order of the coalitions' chain: an order nobody asked for by number must not fail for its many states."""
    return highest_order(paths, chosen) if asked == AUTO else chosen


def _effects(found: Credits) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": list(found.channels),
            "conversions": found.removal_effects,
            "revenue": found.revenue_removal_effects,
        }
    )
