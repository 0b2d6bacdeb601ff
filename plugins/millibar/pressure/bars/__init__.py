"""How right the barometer is: plays simulated markets, whose truth is known, and scores states and signals by it."""
