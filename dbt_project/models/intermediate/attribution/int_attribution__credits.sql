-- Credit of every step of every converted journey, a column a model. The last step takes what
-- rounding leaves, so the credits of a conversion sum to 1.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['after_scores'],
    meta={'touched': {'by': ['fct_touchpoint', 'fct_order', 'attribution_weight'], 'kind': 'touch'}},
    indexes=[{'columns': ['customer_id']}, {'columns': ['converted_on']}],
    pre_hook=['{{ log_changed_weights() }}'],
    post_hook=[
        "{{ record_changes(['fct_touchpoint', 'fct_order', 'attribution_weight']) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

steps as (

    select *
    from {{ ref('int_journey__steps') }}
    where
        conversion_id is not null
        and {{
            is_touched(['fct_touchpoint', 'fct_order', 'attribution_weight'], 'touch')
            if is_incremental() else 'true'
        }}

),

weights as (

    select * from {{ ref('int_attribution__weights') }}

),

months as (

    select distinct
        month,
        weights_key
    from weights

),

weighted as (

    select
        steps.*,
        {{ to_double('steps.steps') }} as n,
        coalesce(weights.weight, 1) as markov_weight,
        months.weights_key,
        {{ decay(
            seconds_between('steps.occurred_at', 'steps.converted_at') ~ ' / 86400',
            var('time_decay_half_life_days')
        ) }} as time_decay_weight,
        case when steps.channel <> 'direct' then steps.step_number end as named_step,
        count(*) over (partition by steps.conversion_id, steps.channel) as channel_steps,
        case
            when
                row_number() over (
                    partition by steps.conversion_id, steps.channel order by steps.step_number
                ) = 1
                then 1
            else 0
        end as first_of_channel
    from steps
    left join months on {{ month_of('steps.converted_on') }} = months.month
    left join weights
        on
            {{ month_of('steps.converted_on') }} = weights.month
            and steps.channel = weights.channel

),

totalled as (

    select
        *,
        max(named_step) over (partition by conversion_id) as last_named_step,
        sum(markov_weight) over (partition by conversion_id) as markov_total,
        sum(time_decay_weight) over (partition by conversion_id) as time_decay_total,
        {{ to_double('sum(first_of_channel) over (partition by conversion_id)') }} as channels
    from weighted

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
        {{ position_share('step_number', 'n') }} as position,
        time_decay_weight / time_decay_total as time_decay,
        case when markov_total > 0 then markov_weight / markov_total else 1 / n end as markov,
        1 / channels / channel_steps as shapley
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
        step_number,
        steps,
        value,
        weights_key,
        first as credit_first,
        last as credit_last,
        last_non_direct as credit_last_non_direct,
        {{ credit_to_one('linear') }} as credit_linear,
        {{ credit_to_one('position') }} as credit_position,
        {{ credit_to_one('time_decay') }} as credit_time_decay,
        {{ credit_to_one('markov') }} as credit_markov,
        {{ credit_to_one('shapley') }} as credit_shapley
    from shares

)

select * from final
