"""Services of a single machine: the embedded server and Airflow's four processes, started and stopped together."""
