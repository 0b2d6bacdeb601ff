-- Credit of every step of every converted journey, a column a model. The last step takes what
-- rounding leaves, so the credits of a conversion sum to 1 (participation apart). Under same_touch
-- what no touch gets belongs to the place of sale, a step fct_attributed_touchpoint adds.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    tags=['after_scores'],
    meta={'touched': {'by': journey_producers() + ['attribution_weight'], 'kind': 'touch'}},
    indexes=[{'columns': ['customer_id']}, {'columns': ['converted_on']}],
    pre_hook=['{{ log_changed_weights() }}'],
    post_hook=[
        "{{ record_changes(journey_producers() + ['attribution_weight']) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

{%- set models = attribution_models() %}
{%- set fitted_models = ['markov', 'markov_shapley'] | select('in', models) | list %}
{%- set weighted_models = var('weighted_models') | list %}
{%- set timed = 'time_to_conversion' in models %}
{%- set by_weight = fitted_models + weighted_models + ['time_decay']
    + (['time_to_conversion'] if timed else []) %}

with

steps as (

    select *
    from {{ ref('int_journey__steps') }}
    where
        conversion_id is not null
        and {{
            is_touched(journey_producers() + ['attribution_weight'], 'touch')
            if is_incremental() else 'true'
        }}

),

weights as (

    select * from {{ ref('int_attribution__weights') }}

),

weight_keys as (

    select * from {{ ref('int_attribution__weight_keys') }}

),

channel_weights as (

    select
        {% for model in fitted_models %}
        max(case when model = '{{ model }}' and place = 'any' then weight end)
            as {{ model }}_weight,
        {% endfor %}
        {% if timed %}
        {{ hazard_columns() }}
        {% endif %}
        month,
        channel
    from weights
    group by month, channel

),

{% if timed %}

timed_months as (

    select distinct month from weights
    where model = 'time_to_conversion'

),

{% endif %}

{% if weighted_models %}

analysts_weights as (

    select
        {% for model in weighted_models %}
        max(case when model = '{{ model }}' then weight end) as {{ model }}_weight,
        {% endfor %}
        channel,
        place
    from {{ ref('attribution_weights') }}
    group by channel, place

),

{% endif %}

placed as (

    select
        *,
        {{ month_of('converted_on') }} as month,
        {{ to_double('steps') }} as n,
        {{ seconds_between('occurred_at', 'converted_at') }} / 3600 as age_hours,
        case
            when step_number = 1 then 'first' when step_number = steps then 'last' else 'middle'
        end as place
    from steps

),

weighted as (

    select
        placed.*,
        coalesce(own_keys.weights_key, other_keys.weights_key) as weights_key,
        {% for model in fitted_models %}
        coalesce(channel_weights.{{ model }}_weight, 1) as {{ model }}_weight,
        {% endfor %}
        {% if timed %}
        -- in a month with a fit, what was never seen to convert at that age weighs nothing
        coalesce(
            {{ hazard_at('placed.age_hours', 'channel_weights') }},
            {{ hazard_at('placed.age_hours', 'pooled_weights') }},
            case when timed_months.month is null then 1 else 0 end
        ) as time_to_conversion_weight,
        {% endif %}
        {% for model in weighted_models %}
        coalesce(
            own_place.{{ model }}_weight,
            own_any.{{ model }}_weight,
            any_place.{{ model }}_weight,
            any_any.{{ model }}_weight,
            1
        ) as {{ model }}_weight,
        {% endfor %}
        {{ decay('placed.age_hours / 24', var('time_decay_half_life_days')) }} as time_decay_weight,
        case when placed.channel <> 'direct' then placed.step_number end as named_step,
        count(*) over (partition by placed.conversion_id, placed.channel) as channel_steps,
        row_number() over (
            partition by placed.conversion_id, placed.channel order by placed.step_number
        ) as channel_step
    from placed
    left join weight_keys as own_keys on placed.month = own_keys.month
    left join weight_keys as other_keys on other_keys.month is null
    left join channel_weights
        on placed.month = channel_weights.month and placed.channel = channel_weights.channel
    {% if timed %}
    left join channel_weights as pooled_weights
        on placed.month = pooled_weights.month and pooled_weights.channel = '(any)'
    left join timed_months on placed.month = timed_months.month
    {% endif %}
    {% if weighted_models %}
    {% for alias, channel, place in [
        ('own_place', 'placed.channel', 'placed.place'), ('own_any', 'placed.channel', "'any'"),
        ('any_place', "'(any)'", 'placed.place'), ('any_any', "'(any)'", "'any'"),
    ] %}
    left join analysts_weights as {{ alias }}
        on {{ channel }} = {{ alias }}.channel and {{ place }} = {{ alias }}.place
    {% endfor %}
    {% endif %}

),

totalled as (

    select
        *,
        {% for model in by_weight %}
        sum({{ model }}_weight) over journey as {{ model }}_total,
        {% endfor %}
        max(named_step) over journey as last_named_step,
        {{ to_double('sum(case when channel_step = 1 then 1 else 0 end) over journey') }}
            as channels
    from weighted
    window journey as (partition by conversion_id)

),

shares as (

    select
        *,
        {{ to_double('case when step_number = 1 then 1 else 0 end') }} as first,
        {{ to_double('case when step_number = steps then 1 else 0 end') }} as last,
        {{ to_double(
            'case when step_number = coalesce(last_named_step, steps) then 1 else 0 end'
        ) }} as last_non_direct,
        1 / n as linear,
        {% for rule, rule_shares in var('position_rules').items() %}
        {{ position_share('step_number', 'n', rule_shares) }} as {{ rule }},
        {% endfor %}
        {% for model in by_weight %}
        {{ weight_share(model) }} as {{ model }},
        {% endfor %}
        -- a conversion without touches is its own step
        {{ to_double(
            'case when step_number = steps and (touchpoint_id is null or age_hours * 60 <= '
            ~ var('same_touch_minutes') ~ ') then 1 else 0 end'
        ) }} as same_touch,
        1 / {{ to_double('channel_steps') }} as participation,
        1 / channels / channel_steps as shapley,
        case when channel_step = 1 then 1 / channels else 0 end as shapley_ordered
    from totalled

),

final as (

    select
        conversion_id,
        customer_id,
        touchpoint_id,
        channel,
        campaign_id,
        occurred_at,
        occurred_on,
        converted_at,
        converted_on,
        sales_channel,
        step_number,
        steps,
        value,
        weights_key,
        {{ credit_columns() }}
    from shares

)

select * from final
