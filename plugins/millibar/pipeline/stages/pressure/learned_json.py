"""What a month's fit learned, as JSON in scores.pressure_fit and back."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from millibar.plain_json import plain
from millibar.pressure.index import ChannelMix
from millibar.pressure.learning.channels import ChannelFit
from millibar.pressure.learning.learn import Learned
from millibar.pressure.learning.model import ToleranceModel
from millibar.pressure.learning.plateau import Plateau
from millibar.pressure.learning.population import PopulationFit


def write(learned: Learned) -> str:
    """JSON text; nan is null."""
    population, channels = learned.population, learned.channels
    told = {
        "population": {field.name: getattr(population, field.name) for field in fields(population)}
        | {"model": asdict(population.model)},
        "channels": {
            "weights": channels.mix.weights,
            "half_lives": channels.mix.half_lives,
            "low": channels.low,
            "high": channels.high,
            "learned": channels.learned,
        },
        "plateau": learned.plateau and asdict(learned.plateau),
    }
    return json.dumps(plain(told))


def read(stored: dict[str, Any] | str, profile: ChannelMix) -> Learned:
    """Back from JSON; ``profile``: the mix of the channel profiles the fit was made with."""
    told = json.loads(stored) if isinstance(stored, str) else stored
    model = dict(told["population"]["model"])
    for name in ("answer_rate", "annoyance_rate"):
        model[name] = np.asarray(model[name], float)
    population = told["population"] | {
        "model": ToleranceModel(**model),
        "grid": np.asarray(told["population"]["grid"], float),
    }
    for name in ("rho_low", "rho_high", "without"):
        population[name] = float("nan") if population[name] is None else population[name]
    channels = told["channels"]
    mix = replace(
        profile,
        weights=np.asarray(channels["weights"], float),
        half_lives=np.asarray(channels["half_lives"], float),
    )
    fit = ChannelFit(
        mix,
        np.asarray(channels["low"], float),
        np.asarray(channels["high"], float),
        np.asarray(channels["learned"], bool),
    )
    plateau = told["plateau"] and Plateau(**told["plateau"])
    return Learned(PopulationFit(**population), fit, plateau)
