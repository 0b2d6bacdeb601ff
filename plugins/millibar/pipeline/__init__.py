"""Pipeline: what a task does; read, call the domain, write. The only Airflow imports beside dags/ and the plugin."""
