"""Shapley values: of the observed paths in closed form, of the fitted chain over all coalitions."""
