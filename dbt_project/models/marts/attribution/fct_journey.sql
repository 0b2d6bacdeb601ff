{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['core'],
    meta={'touched': {'by': ['fct_touchpoint', 'fct_order'], 'kind': 'touch'}},
    indexes=[{'columns': ['journey_id'], 'unique': true}, {'columns': ['customer_id']}, {'columns': ['closed_on']}],
    post_hook=["{{ record_changes(['fct_touchpoint', 'fct_order']) }}", '{{ refresh_statistics() }}'],
) }}

with

steps as (

    select * from {{ ref('int_journey__steps') }}
    {% if is_incremental() %}
    where {{ is_touched(['fct_touchpoint', 'fct_order'], 'touch') }}
    {% endif %}

),

journeys as (

    select
        journey_id,
        customer_id,
        max(conversion_id) as conversion_id,
        max(conversion_id) is not null as is_converted,
        min(occurred_at) as started_at,
        coalesce(max(converted_at), max(occurred_at)) as ended_at,
        coalesce(
            max(converted_on),
            {{ add_days('max(occurred_on)', var('lookback_days')) }}
        ) as closed_on,
        coalesce(max(value), 0) as value,
        max(steps) as steps,
        cast(count(touchpoint_id) as integer) as touches,
        {{ dbt.listagg('channel', "' > '", 'order by step_number') }} as path
    from steps
    group by journey_id, customer_id

),

final as (

    select
        journey_id,
        customer_id,
        conversion_id,
        is_converted,
        started_at,
        ended_at,
        closed_on,
        value,
        steps,
        touches,
        {{ seconds_between('started_at', 'ended_at') }} / 86400 as duration_days,
        path
    from journeys

)

select * from final
