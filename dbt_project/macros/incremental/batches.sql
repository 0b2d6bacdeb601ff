{#-
    Incremental models take in whole load batches: a row is new when its batch is not in ops.consumed_batches for the
    model. The batches taken in are recorded in the transaction that builds the model.
-#}

{% macro batch_condition(feed) -%}
    feed = '{{ feed }}'
    and status = 'loaded'
    and batch_id <= {{ max_batch_id() }}
    and delivered_on <= {{ as_of_date() }}
{%- endmacro %}

{#- The batches of a feed this run may see and the model has not taken in: for `_batch_id in (...)`. -#}
{% macro pending_batches(feed) -%}
    {%- set query -%}
        select batch_id
        from {{ source('ops', 'load_batches') }}
        where
            {{ batch_condition(feed) }}
            {%- if is_incremental() %}
            and batch_id not in (
                select batch_id from {{ source('ops', 'consumed_batches') }}
                where model = '{{ this.identifier }}'
            )
            {%- endif %}
    {%- endset -%}
    {%- if not execute or not is_incremental() -%}
        {{ return(query) }}
    {%- endif -%}
    {#- A literal list lets the planner use the index on _batch_id. -#}
    {%- set batches = run_query(query).columns[0].values() -%}
    {%- if batches | length == 0 -%}
        {{ return('-1') }}
    {%- elif batches | length <= 1000 -%}
        {{ return(batches | join(', ')) }}
    {%- endif -%}
    {{ return(query) }}
{%- endmacro %}

{#- All batches of a feed the run may see, for models that are rebuilt. -#}
{% macro visible_batches(feed) -%}
    select batch_id from {{ source('ops', 'load_batches') }} where {{ batch_condition(feed) }}
{%- endmacro %}

{% macro is_visible(feed) -%}
    _batch_id in ({{ visible_batches(feed) }})
{%- endmacro %}

{#- pre_hook: a first build or a full refresh takes in everything again. -#}
{% macro forget_consumed() -%}
    {%- if execute and not is_incremental() -%}
        delete from {{ source('ops', 'consumed_batches') }} where model = '{{ this.identifier }}'
    {%- endif -%}
{%- endmacro %}

{#- post_hook: what pending_batches gave this run has been taken in. -#}
{% macro record_consumed(feeds) -%}
    insert into {{ source('ops', 'consumed_batches') }} (model, batch_id)
    select
        '{{ this.identifier }}',
        batch_id
    from {{ source('ops', 'load_batches') }} as batches
    where
        (
            {%- for feed in feeds %}
            ({{ batch_condition(feed) }}) {% if not loop.last %}or{% endif %}
            {%- endfor %}
        )
        and not exists (
            select 1
            from {{ source('ops', 'consumed_batches') }} as consumed
            where consumed.model = '{{ this.identifier }}' and consumed.batch_id = batches.batch_id
        )
{%- endmacro %}

{#- Keys of rows a corrected file took away and that did not come back. -#}
{% macro removed_rows(feed) -%}
    select removed.row_key
    from {{ source('ops', 'removed_rows') }} as removed
    where
        removed.feed = '{{ feed }}'
        and not exists (
            select 1 from {{ source('raw', feed) }} as present
            where present._row_key = removed.row_key
        )
{%- endmacro %}
