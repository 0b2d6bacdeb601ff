# One image for every Millibar service: the locked environment, the library, the DAGs, dbt project and suites.
FROM python:3.11-slim-bookworm

ARG UV_VERSION=0.13.9
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/millibar/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/millibar/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    MILLIBAR_PROJECT=/opt/millibar \
    MILLIBAR_STATE=/var/lib/millibar \
    MILLIBAR_LANDING=/landing \
    MILLIBAR_SOURCES=/opt/millibar/config/sources

WORKDIR /opt/millibar
COPY requirements.txt ./
RUN pip install --no-cache-dir uv==${UV_VERSION} && uv pip install --system --no-cache -r requirements.txt
COPY pyproject.toml requirements.in README.md LICENSE ./
COPY plugins ./plugins
RUN uv pip install --system --no-cache --no-deps -e .
COPY dags ./dags
COPY dbt_project ./dbt_project
COPY expectations ./expectations
COPY config ./config

RUN useradd --create-home --uid 50000 millibar \
    && mkdir -p /opt/airflow /var/lib/millibar /landing \
    && chown -R millibar:millibar /opt/airflow /var/lib/millibar /landing /opt/millibar
USER millibar
CMD ["millibar", "--help"]
