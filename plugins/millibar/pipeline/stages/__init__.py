"""Stages: one module each, ``run(warehouse, settings, run) -> rows written``."""
