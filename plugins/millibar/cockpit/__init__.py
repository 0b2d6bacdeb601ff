"""Cockpit: pages of the Airflow UI over schema bi, for the marketer."""
