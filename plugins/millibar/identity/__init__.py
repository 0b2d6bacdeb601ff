"""Identity: raw identifier values to nodes, links to edges, connected components to stable customers."""

from millibar.identity.normalise import normalise_value, normalise_values
from millibar.identity.resolution import Resolution, resolve
from millibar.identity.rules import HubLimit, IdentityRules

__all__ = ["HubLimit", "IdentityRules", "Resolution", "normalise_value", "normalise_values", "resolve"]
