"""What the alive model counts: days on which a customer did something, and how much he was exposed to meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

ACT_COLUMNS = (
    "acts", "act_days", "pushed_act_days", "observed_days", "days_since_act", "act_exposure", "silent_exposure",
)  # fmt: skip


@dataclass(frozen=True)
class Acts:
    """Arrays of shape (customers,), all of one window that ends at the cut.

    ``acts``: spells of days with a human act or an order (days close to each other are one spell: a visit, the click
    and the order of one intent are not three proofs of life), without the one that began the window, as repeat
    purchases are without the first; ``act_days``: the days themselves;
    ``pushed_act_days``: days with an answer on a channel that contacts people.
    ``active_days``: days observed up to the last act; ``silent_days``: days since it (all days where there is none).
    ``active_exposure``, ``silent_exposure``: answers the contacts of these days would bring from everybody.
    """

    acts: Floats
    act_days: Floats
    pushed_act_days: Floats
    active_days: Floats
    silent_days: Floats
    active_exposure: Floats
    silent_exposure: Floats

    def __len__(self) -> int:
        return len(self.acts)

    @classmethod
    def of(cls, customers: pd.DataFrame) -> Acts:
        """From a frame with ``ACT_COLUMNS``; ``ValueError`` names the first row whose counts contradict each other."""
        values = {name: pd.to_numeric(customers[name]).to_numpy(dtype=float) for name in ACT_COLUMNS}
        wrong = np.any([~np.isfinite(column) | (column < 0) for column in values.values()], axis=0)
        wrong |= values["days_since_act"] > values["observed_days"]
        wrong |= np.maximum(values["acts"], values["pushed_act_days"]) > values["act_days"]
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            told = ", ".join(f"{name} {values[name][place]:g}" for name in ACT_COLUMNS)
            raise ValueError(
                f"row {place} contradicts itself: {told}; counts are 0 or more, a silence is no longer than what was "
                "observed, and neither spells nor pushed days are more than act days"
            )
        return cls(
            values["acts"],
            values["act_days"],
            values["pushed_act_days"],
            values["observed_days"] - values["days_since_act"],
            values["days_since_act"],
            values["act_exposure"],
            values["silent_exposure"],
        )

    def take(self, places: npt.NDArray[np.int64]) -> Acts:
        return Acts(*(getattr(self, name)[places] for name in self.__dataclass_fields__))
