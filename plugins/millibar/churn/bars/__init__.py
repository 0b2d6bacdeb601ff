"""How right the churn figures are on simulated markets, whose truth is known."""
