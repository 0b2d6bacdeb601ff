"""How channels press: a weight and a half-life each, as shares of the decayed sums that are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.index.contacts import LADDER, MEMORY_DAYS, Floats


@dataclass(frozen=True)
class ChannelMix:
    """Weight and half-life (days) of each channel, shape (channels,), beside the half-lives of the profiles.

    A half-life between two that are kept is a mixture of their decayed sums, by its place between them on a
    logarithmic scale: no sum is computed again when a half-life is learned anew. Outside of half to twice the
    profile's the nearest end counts.
    """

    channels: tuple[str, ...]
    weights: Floats
    half_lives: Floats
    profile_half_lives: Floats

    def shares(self) -> Floats:
        """Shares of half, once and twice the profile's half-life, shape (channels, 3); each row sums to 1."""
        octave = np.clip(np.log2(self.half_lives / self.profile_half_lives), np.log2(LADDER[0]), np.log2(LADDER[-1]))
        low, high = np.maximum(-octave, 0.0), np.maximum(octave, 0.0)
        return np.stack([low, 1.0 - low - high, high], axis=1)

    def coefficients(self) -> Floats:
        """Weight times share, shape (channels, 3): the index is their product with the decayed sums."""
        return np.asarray(self.weights[:, None] * self.shares())

    def with_channel(self, place: int, weight: float, half_life: float) -> ChannelMix:
        """Another mix that differs in one channel."""
        weights, half_lives = self.weights.copy(), self.half_lives.copy()
        weights[place], half_lives[place] = weight, half_life
        return ChannelMix(self.channels, weights, half_lives, self.profile_half_lives)


def profile_mix(channels: tuple[str, ...], weights: Floats, half_lives: Floats) -> ChannelMix:
    """The mix of the channel profiles."""
    return ChannelMix(
        channels, np.asarray(weights, float), np.asarray(half_lives, float), np.asarray(half_lives, float)
    )


def mean_coefficients(mix: ChannelMix, decays: Floats) -> Floats:
    """Coefficients of the mean index on the four decayed sums, shape (channels, 4).

    The exponential mean M(t) = a M(t - 1) + (1 - a) P(t), a = 1 - 1 / 28, of a sum that decays by d a day is
    (1 - a) (a A - d S) / (a - d), where A decays by a: a contact of age k counts (1 - a) sum_j d^j a^(k - j).
    ``decays``: as :meth:`Contacts.decays`.
    """
    a = 1.0 - 1.0 / MEMORY_DAYS
    d = decays[:, :3]
    gap = np.where(np.abs(a - d) < 1e-4, np.where(a < d, -1e-4, 1e-4), a - d)  # a pole only where both are the same
    scale = mix.coefficients() * (1.0 - a) / gap
    return np.concatenate([-scale * d, (scale * a).sum(axis=1, keepdims=True)], axis=1)
