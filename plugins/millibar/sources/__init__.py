"""Sources: feed contracts, mappings, readers and quarantine; good rows to raw, bad rows to ops.rejected_rows."""
