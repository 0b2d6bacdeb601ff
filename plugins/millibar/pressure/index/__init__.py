"""The pressure index: decayed, weighted contacts of every customer and channel, and its mean over four weeks."""

from millibar.pressure.index.contacts import Contacts, decay_contacts, read_contacts
from millibar.pressure.index.mixing import ChannelMix, profile_mix
from millibar.pressure.index.paths import index_before, mean_paths

__all__ = [
    "ChannelMix",
    "Contacts",
    "decay_contacts",
    "index_before",
    "mean_paths",
    "profile_mix",
    "read_contacts",
]
