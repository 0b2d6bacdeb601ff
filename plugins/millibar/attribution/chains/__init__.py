"""Markov chains of paths: counts, exact solution, removal effects, order, standard errors."""
