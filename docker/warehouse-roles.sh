#!/bin/sh
# Runs once, when the warehouse's volume is new: the pipeline's role owns the database, the reader may only connect;
# `millibar init` lets the reader see schema bi.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
     -v pipeline="$MILLIBAR_PIPELINE_PASSWORD" -v reader="$MILLIBAR_READER_PASSWORD" <<'SQL'
create role millibar login password :'pipeline';
create role millibar_reader login password :'reader';
create database millibar owner millibar;
revoke all on database millibar from public;
grant connect on database millibar to millibar_reader;
SQL
