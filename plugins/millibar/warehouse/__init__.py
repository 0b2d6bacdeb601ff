"""Warehouse: the only package that speaks to the database."""
