"""A seeded market with known truth: persons, contacts, responses, orders, and the feeds a brand's tools would write."""
