-- Touches of a customer, cut into journeys: one ends at each conversion and reaches back over the
-- lookback window, or to the last long silence (journey_gap_days); what no conversion claims is cut
-- into windows of the same length and counts as lost.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': journey_producers(), 'kind': 'touch'}},
    indexes=[{'columns': ['customer_id']}, {'columns': ['journey_id']}],
    post_hook=['{{ record_changes(journey_producers()) }}', '{{ refresh_statistics() }}'],
) }}

{%- set side_goals = side_goals() %}

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
        device,
        0 as is_conversion,
        cast(null as {{ dbt.type_string() }}) as goal,
        cast(null as {{ type_double() }}) as value
    from touchpoints
    {% if is_incremental() %}
    where {{ is_touched(journey_producers(), 'touch') }}
    {% endif %}

    union all

    select
        customer_id,
        conversion_id as event_id,
        converted_at as event_at,
        converted_on as event_on,
        sales_channel as channel,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        cast(null as {{ dbt.type_string() }}) as device,
        1 as is_conversion,
        goal,
        value
    from conversions
    {% if is_incremental() %}
    where {{ is_touched(journey_producers(), 'touch') }}
    {% endif %}

),

-- a touch at the very moment of a conversion precedes it
known as (

    select
        *,
        coalesce(sum(case when goal = 'order' then 1 else 0 end) over (
            partition by customer_id
            order by event_at, is_conversion, event_id
            rows between unbounded preceding and 1 preceding
        ), 0) as orders_before
    from events

),

-- a goal that ends no journey looks at the same touches on a line of its own
on_lines as (

    select
        *,
        'main' as line
    from known
    {% if side_goals %}
    where is_conversion = 0 or goal not in {{ text_list(side_goals) }}
    {% endif %}

    {% for goal in side_goals %}
    union all

    select
        *,
        '{{ goal }}' as line
    from known
    where is_conversion = 0 or goal = '{{ goal }}'
    {% endfor %}

),

-- a segment is what lies between two conversions
segments as (

    select
        *,
        {% if var('journey_gap_days') > 0 %}
        case
            when
                {{ seconds_between(
                    'lag(event_at) over (partition by customer_id, line order by event_at, '
                    ~ 'is_conversion, event_id)',
                    'event_at'
                ) }} > 86400 * {{ var('journey_gap_days') }}
                then 1
            else 0
        end as follows_silence,
        {% endif %}
        sum(is_conversion) over (
            partition by customer_id, line
            order by event_at, is_conversion, event_id
            rows between unbounded preceding and current row
        ) - is_conversion as segment
    from on_lines

),

-- a stretch is what lies between two silences
stretches as (

    select
        *,
        {% if var('journey_gap_days') > 0 %}
        sum(follows_silence) over (
            partition by customer_id, line
            order by event_at, is_conversion, event_id
            rows between unbounded preceding and current row
        ) as stretch
        {% else %}
        0 as stretch
        {% endif %}
    from segments

),

-- every event of a segment knows the conversion the segment ends with
ended as (

    select
        *,
        max(case when is_conversion = 1 then event_id end) over segment_of as conversion_id,
        max(case when is_conversion = 1 then event_at end) over segment_of as converted_at,
        max(case when is_conversion = 1 then event_on end) over segment_of as converted_on,
        max(case when is_conversion = 1 then stretch end) over segment_of as converted_stretch,
        max(case when is_conversion = 1 then channel end) over segment_of as sales_channel,
        max(case when is_conversion = 1 then orders_before end) over segment_of
            as conversion_orders_before,
        max(goal) over segment_of as conversion_goal,
        max(value) over segment_of as conversion_value
    from stretches
    window segment_of as (partition by customer_id, line, segment)

),

judged as (

    select
        *,
        coalesce(
            is_conversion = 0
            and stretch = converted_stretch
            and event_at >= {{ dbt.dateadd('day', -1 * var('lookback_days'), 'converted_at') }},
            false
        ) as is_claimed
    from ended

),

counted as (

    select
        *,
        max(case when is_claimed then 1 else 0 end) over segment_of as has_claimed_touch,
        min(case when is_conversion = 0 and not is_claimed then event_at end) over stretch_of
            as lost_from,
        max(case when is_conversion = 0 then event_on end) over stretch_of as last_touched_on
    from judged
    window
        segment_of as (partition by customer_id, line, segment),
        stretch_of as (partition by customer_id, line, segment, stretch)

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
        device,
        conversion_goal as goal,
        converted_at,
        converted_on,
        sales_channel,
        conversion_value as value,
        conversion_orders_before as orders_before,
        cast(null as date) as lapses_on,
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
        device,
        conversion_goal as goal,
        converted_at,
        converted_on,
        sales_channel,
        conversion_value as value,
        conversion_orders_before as orders_before,
        cast(null as date) as lapses_on,
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
    where line = 'main' and is_conversion = 0 and not is_claimed

),

lost as (

    select
        'lost:' || first_value(event_id) over (
            partition by customer_id, segment, stretch, window_number order by event_at, event_id
        ) as journey_id,
        customer_id,
        cast(null as {{ dbt.type_string() }}) as conversion_id,
        event_id as touchpoint_id,
        event_at as occurred_at,
        event_on as occurred_on,
        channel,
        campaign_id,
        device,
        cast(null as {{ dbt.type_string() }}) as goal,
        cast(null as {{ type_timestamp_utc() }}) as converted_at,
        cast(null as date) as converted_on,
        cast(null as {{ dbt.type_string() }}) as sales_channel,
        cast(null as {{ type_double() }}) as value,
        orders_before,
        {{ lapses_on('event_on', 'last_touched_on') }} as lapses_on,
        row_number() over (
            partition by customer_id, segment, stretch, window_number
            order by event_at desc, event_id desc
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
        device,
        goal,
        converted_at,
        converted_on,
        sales_channel,
        value,
        lapses_on,
        case
            when max(orders_before) over (partition by journey_id) > 0 then 'returning' else 'new'
        end as customer_type,
        cast(row_number() over (
            partition by journey_id order by steps_to_end desc
        ) as integer) as step_number,
        cast(count(*) over (partition by journey_id) as integer) as steps
    from journeys

)

select * from final
