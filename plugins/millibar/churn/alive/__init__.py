"""Who is still a customer: told from everything people do, not from their orders alone."""

from millibar.churn.alive.acts import Acts
from millibar.churn.alive.model import AliveModel, AliveParameters, fit_alive, p_alive

__all__ = ["Acts", "AliveModel", "AliveParameters", "fit_alive", "p_alive"]
