{#-
    intermediate.int_identity__row_signatures remembers which signature each row carried, so that a corrected row takes
    its old identifiers out of the count. It belongs to int_identity__signatures and changes in its transaction.
-#}

{% macro row_signatures() -%}
    {{ return(change_table('int_identity__row_signatures')) }}
{%- endmacro %}

{#- pre_hook -#}
{% macro prepare_row_signatures() -%}
    {%- if execute and not is_incremental() -%}
        drop table if exists {{ row_signatures() }};
    {%- endif %}
    create table if not exists {{ row_signatures() }} (
        _row_key {{ type_key() }} not null,
        signature {{ type_key() }} not null,
        seen_at {{ type_timestamp_utc() }} not null,
        is_record boolean not null
    )
{%- endmacro %}

{#- post_hook, before the batches are recorded as consumed -#}
{% macro replace_row_signatures(feeds) -%}
    {%- set pending = pending_observations(feeds) -%}
    {%- if execute and load_relation(row_signatures()) is not none %}
    delete from {{ row_signatures() }}
    where
        _row_key in (select observed._row_key from {{ ref('int_identity__observations') }} as observed where {{ pending }})
        or _row_key in ({{ all_removed_rows(feeds) }});
    {%- endif %}
    insert into {{ row_signatures() }} (_row_key, signature, seen_at, is_record)
    select
        observed._row_key,
        observed.signature,
        observed.seen_at,
        observed.is_record
    from {{ ref('int_identity__observations') }} as observed
    where {{ pending }};
    {{ index_by_key('int_identity__row_signatures_key', row_signatures(), '_row_key') }}
{%- endmacro %}

{#- Condition on int_identity__observations: rows of batches not taken in yet. -#}
{% macro pending_observations(feeds) -%}
    {%- set conditions = [] -%}
    {%- for feed in feeds -%}
        {%- do conditions.append("(feed = '" ~ feed ~ "' and _batch_id in (" ~ pending_batches(feed) ~ "))") -%}
    {%- endfor -%}
    ({{ conditions | join(' or ') }})
{%- endmacro %}

{% macro all_removed_rows(feeds) -%}
    {%- for feed in feeds %}
    {{ removed_rows(feed) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- pre_hook: combinations no row holds any more leave the models that follow from them. -#}
{% macro forget_lost_signatures() -%}
    {%- if execute and is_incremental() -%}
    delete from {{ this }}
    where signature in (
        select lost.signature from {{ ref('int_identity__signatures') }} as lost where lost.records = 0
    )
    {%- endif -%}
{%- endmacro %}

{#-
    Number of this dbt invocation, larger than that of any before it (microseconds since 1970): the identity stage reads
    rows whose change_id is newer than what it has read. After a full refresh all of them are.
-#}
{% macro change_id_of_run() -%}
    cast({{ (run_started_at.timestamp() * 1000000) | int }} as {{ dbt.type_bigint() }})
{%- endmacro %}
