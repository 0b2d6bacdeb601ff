-- One row a combination of identifiers: links and identifiers follow from it at the cost of the
-- combinations, not of the events.
{% set feeds = ['touchpoints', 'orders', 'customers', 'consents', 'experiments', 'subscriptions'] %}
{{ config(
    materialized='incremental',
    unique_key='signature',
    tags=['identity_inputs'],
    indexes=[{'columns': ['signature'], 'unique': true}, {'columns': ['change_id']}],
    pre_hook=['{{ forget_consumed() }}', '{{ prepare_row_signatures() }}'],
    post_hook=[
        "{{ replace_row_signatures(" ~ feeds ~ ") }}",
        "{{ record_consumed(" ~ feeds ~ ") }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

arrived as (

    select *
    from observations
    where {{ pending_observations(feeds) }}

),

added as (

    select
        signature,
        {% for type in identifier_types() %}
        max({{ type }}) as {{ type }},
        {% endfor %}
        count(*) as records,
        {{ count_if('is_record') }} as customer_records,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at
    from arrived
    group by signature

),

{% if is_incremental() %}

-- rows that came before and now say something else, or are gone
replaced as (

    select before.*
    from {{ row_signatures() }} as before
    where
        before._row_key in (select arrived._row_key from arrived)
        or before._row_key in ({{ all_removed_rows(feeds) }})

),

lost as (

    select
        signature,
        count(*) as records,
        {{ count_if('is_record') }} as customer_records
    from replaced
    group by signature

),

-- first and last seen cannot be taken back by subtraction: look at the rows that stay
staying as (

    select
        before.signature,
        min(before.seen_at) as first_seen_at,
        max(before.seen_at) as last_seen_at
    from {{ row_signatures() }} as before
    where
        before.signature in (select lost.signature from lost)
        and before._row_key not in (select replaced._row_key from replaced)
    group by before.signature

),

present as (

    select * from {{ this }}

),

touched as (

    select signature from added
    union
    select signature from lost

),

final as (

    select
        touched.signature,
        {% for type in identifier_types() %}
        coalesce(added.{{ type }}, present.{{ type }}) as {{ type }},
        {% endfor %}
        coalesce(present.records, 0) + coalesce(added.records, 0) - coalesce(lost.records, 0)
            as records,
        coalesce(present.customer_records, 0) + coalesce(added.customer_records, 0)
        - coalesce(lost.customer_records, 0) as customer_records,
        least(
            case
                when lost.signature is null then present.first_seen_at
                else staying.first_seen_at
            end,
            added.first_seen_at
        ) as first_seen_at,
        greatest(
            case
                when lost.signature is null then present.last_seen_at
                else staying.last_seen_at
            end,
            added.last_seen_at
        ) as last_seen_at,
        {{ as_of_date() }} as changed_as_of,
        {{ change_id_of_run() }} as change_id
    from touched
    left join added on touched.signature = added.signature
    left join lost on touched.signature = lost.signature
    left join staying on touched.signature = staying.signature
    left join present on touched.signature = present.signature

)

{% else %}

final as (

    select
        *,
        {{ as_of_date() }} as changed_as_of,
        {{ change_id_of_run() }} as change_id
    from added

)

{% endif %}

select * from final
