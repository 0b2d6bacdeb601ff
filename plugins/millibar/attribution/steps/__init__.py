"""Weights of single touchpoints inside a journey: by channel, by channel and age."""
