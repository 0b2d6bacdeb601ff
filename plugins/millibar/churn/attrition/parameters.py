"""Numbers of channel attrition an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AttritionParameters:
    """Blocks are ``block_days`` long; ``blocks`` of them are read, the last ``recent_blocks`` are told as recent.

    ``residual``: acts a customer who left a channel still shows there, as a share of his former ones;
    ``departed_residual``: the same on every channel, where he left for good. ``rise``: how much more he does where he
    moved to. ``yearly_leaves``: how often a year a customer leaves one channel alone; ``yearly_departures``: all for
    good, before the data tell. ``shape``: gamma shape of engagement before the data tell. ``rate_prior``: contacts (or
    days, where customers come by themselves) the channel's rate weighs against a segment's, its mean against a block's.
    ``minimum_customers``: with fewer that acted on a channel, its shape stays as above.

    ``drifting``, ``gone``: probability of having left at which a customer is so called. ``shift_prior``: share of those
    who leave a channel that move to another one; ``shifted``: probability of that at which it is believed.
    ``shift_share``: the new channel must bring at least this share of the acts that are lost.
    ``minimum_silent_contacts``: with fewer contacts since the last act, a channel the brand speaks on tells nothing.
    ``fit_customers``: customers read at most for what is common to all; ``read_customers``: judged at once.
    """

    block_days: int = 14
    blocks: int = 27
    recent_blocks: int = 6
    residual: float = 0.25
    departed_residual: float = 0.02
    rise: float = 2.0
    yearly_leaves: float = 0.1
    yearly_departures: float = 0.2
    shape: float = 1.5
    rate_prior: float = 200.0
    minimum_customers: int = 200
    drifting: float = 0.5
    gone: float = 0.8
    shift_prior: float = 0.5
    shifted: float = 0.5
    shift_share: float = 0.5
    minimum_silent_contacts: int = 1
    fit_customers: int = 20_000
    read_customers: int = 20_000

    def __post_init__(self) -> None:
        if not 0 < self.drifting <= self.gone <= 1:
            raise ValueError(f"drifting {self.drifting}, gone {self.gone}; give 0 < drifting <= gone <= 1")
        if not 0 < self.residual < 1 < self.rise:
            raise ValueError(f"residual {self.residual}, rise {self.rise}; give a share below 1 and a factor above 1")
        if not 0 < self.recent_blocks < self.blocks:
            raise ValueError(
                f"recent_blocks {self.recent_blocks} of {self.blocks}; give fewer recent blocks than blocks"
            )
