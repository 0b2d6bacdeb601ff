"""What channels cause: holdout experiments, calibrated credits, response to spend, budget plan."""
