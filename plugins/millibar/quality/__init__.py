"""Quality gates: the suites under expectations/ against the warehouse, their results kept, a red gate stops the run."""
