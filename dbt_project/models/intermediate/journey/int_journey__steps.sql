-- Touches of a customer, cut into journeys: one ends at each conversion and reaches back over the
-- lookback window; what no conversion claims is cut into windows of the same length and counts as
-- lost.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint', 'fct_order'], 'kind': 'touch'}},
    indexes=[{'columns': ['customer_id']}, {'columns': ['journey_id']}],
    post_hook=["{{ record_changes(['fct_touchpoint', 'fct_order']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }} where is_touch and not is_machine

),

conversions as (

    select * from {{ ref('fct_conversion') }}

),

events as (

    select
        customer_id,
        touchpoint_id as event_id,
        occurred_at as event_at,
        occurred_on as event_on,
        channel,
        campaign_id,
        0 as is_conversion,
        cast(null as {{ type_double() }}) as value
    from touchpoints
    {% if is_incremental() %}
    where {{ is_touched(['fct_touchpoint', 'fct_order'], 'touch') }}
    {% endif %}

    union all

    select
        customer_id,
        conversion_id as event_id,
        converted_at as event_at,
        converted_on as event_on,
        sales_channel as channel,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        1 as is_conversion,
        value
    from conversions
    {% if is_incremental() %}
    where {{ is_touched(['fct_touchpoint', 'fct_order'], 'touch') }}
    {% endif %}

),

-- a segment is what lies between two conversions; a touch at the very moment of a conversion
-- precedes it
segments as (

    select
        *,
        sum(is_conversion) over (
            partition by customer_id
            order by event_at, is_conversion, event_id
            rows between unbounded preceding and current row
        ) - is_conversion as segment
    from events

),

-- every event of a segment knows the conversion the segment ends with
ended as (

    select
        *,
        max(case when is_conversion = 1 then event_id end) over segment_of as conversion_id,
        max(case when is_conversion = 1 then event_at end) over segment_of as converted_at,
        max(case when is_conversion = 1 then event_on end) over segment_of as converted_on,
        max(value) over segment_of as conversion_value
    from segments
    window segment_of as (partition by customer_id, segment)

),

judged as (

    select
        *,
        is_conversion = 0 and coalesce(
            event_at >= {{ dbt.dateadd('day', -1 * var('lookback_days'), 'converted_at') }}, false
        ) as is_claimed
    from ended

),

counted as (

    select
        *,
        max(case when is_claimed then 1 else 0 end) over segment_of as has_claimed_touch,
        min(case when is_conversion = 0 and not is_claimed then event_at end) over segment_of
            as lost_from
    from judged
    window segment_of as (partition by customer_id, segment)

),

converting as (

    select
        conversion_id as journey_id,
        customer_id,
        conversion_id,
        event_id as touchpoint_id,
        event_at as occurred_at,
        event_on as occurred_on,
        channel,
        campaign_id,
        converted_at,
        converted_on,
        conversion_value as value,
        row_number() over (
            partition by conversion_id order by event_at desc, event_id desc
        ) as steps_to_end
    from counted
    where is_claimed

),

-- a conversion nobody saw coming still belongs to a channel: the one it happened in
untouched as (

    select
        conversion_id as journey_id,
        customer_id,
        conversion_id,
        cast(null as {{ dbt.type_string() }}) as touchpoint_id,
        event_at as occurred_at,
        event_on as occurred_on,
        channel,
        campaign_id,
        converted_at,
        converted_on,
        conversion_value as value,
        1 as steps_to_end
    from counted
    where is_conversion = 1 and has_claimed_touch = 0

),

windowed as (

    select
        *,
        floor(
            {{ seconds_between('lost_from', 'event_at') }} / (86400 * {{ var('lookback_days') }})
        ) as window_number
    from counted
    where is_conversion = 0 and not is_claimed

),

lost as (

    select
        'lost:' || first_value(event_id) over (
            partition by customer_id, segment, window_number order by event_at, event_id
        ) as journey_id,
        customer_id,
        cast(null as {{ dbt.type_string() }}) as conversion_id,
        event_id as touchpoint_id,
        event_at as occurred_at,
        event_on as occurred_on,
        channel,
        campaign_id,
        cast(null as {{ type_timestamp_utc() }}) as converted_at,
        cast(null as date) as converted_on,
        cast(null as {{ type_double() }}) as value,
        row_number() over (
            partition by customer_id, segment, window_number order by event_at desc, event_id desc
        ) as steps_to_end
    from windowed

),

journeys as (

    select * from converting where steps_to_end <= {{ var('max_journey_steps') }}
    union all
    select * from untouched
    union all
    select * from lost where steps_to_end <= {{ var('max_journey_steps') }}

),

final as (

    select
        journey_id,
        customer_id,
        conversion_id,
        touchpoint_id,
        occurred_at,
        occurred_on,
        channel,
        campaign_id,
        converted_at,
        converted_on,
        value,
        cast(row_number() over (
            partition by journey_id order by steps_to_end desc
        ) as integer) as step_number,
        cast(count(*) over (partition by journey_id) as integer) as steps
    from journeys

)

select * from final
