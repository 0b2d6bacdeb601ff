"""`millibar attribute`: files of aggregated paths or events in, a table of credits out."""
