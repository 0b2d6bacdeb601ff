"""Identity: raw identifier values to nodes, records to persons, identifiers to customers with ids that stay."""
