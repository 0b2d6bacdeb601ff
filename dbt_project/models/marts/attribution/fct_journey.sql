{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['core'],
    meta={'touched': {'by': journey_producers(), 'kind': 'touch'}},
    indexes=[{'columns': ['journey_id'], 'unique': true}, {'columns': ['customer_id']}, {'columns': ['closed_on']}],
    post_hook=['{{ record_changes(journey_producers()) }}', '{{ refresh_statistics() }}'],
) }}

with

steps as (

    select * from {{ ref('int_journey__steps') }}
    {% if is_incremental() %}
    where {{ is_touched(journey_producers(), 'touch') }}
    {% endif %}

),

{% if paths_are_transformed() %}

{{ path_steps('steps') }},

{% endif %}

journeys as (

    select
        journey_id,
        customer_id,
        max(conversion_id) as conversion_id,
        max(conversion_id) is not null as is_converted,
        max(goal) as goal,
        max(customer_type) as customer_type,
        coalesce({{ latest_value('device', 'step_number') }}, '(unknown)') as device,
        min(occurred_at) as started_at,
        coalesce(max(converted_at), max(occurred_at)) as ended_at,
        coalesce(max(converted_on), max(lapses_on)) as closed_on,
        coalesce(max(value), 0) as value,
        max(steps) as steps,
        cast(count(touchpoint_id) as integer) as touches,
        {% if paths_are_transformed() %}
        {{ dbt.listagg('case when is_on_path then channel end', "' > '", 'order by step_number') }}
            as model_path,
        cast({{ count_if('is_on_path') }} as integer) as model_steps,
        {% endif %}
        {{ dbt.listagg('channel', "' > '", 'order by step_number') }} as path
    from {{ 'path_steps' if paths_are_transformed() else 'steps' }}
    group by journey_id, customer_id

),

final as (

    select
        journey_id,
        customer_id,
        conversion_id,
        is_converted,
        goal,
        customer_type,
        device,
        started_at,
        ended_at,
        closed_on,
        value,
        steps,
        touches,
        {{ seconds_between('started_at', 'ended_at') }} / 86400 as duration_days,
        path,
        {{ 'model_path' if paths_are_transformed() else 'path' }} as model_path,
        {{ 'model_steps' if paths_are_transformed() else 'steps' }} as model_steps
    from journeys

)

select * from final
