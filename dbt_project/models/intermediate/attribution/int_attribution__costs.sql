-- Cost by channel and campaign over the attribution window: media spend and the unit costs of touchpoints.
{{ config(tags=['after_scores']) }}

with

spend as (

    select * from {{ ref('stg_spend__costs') }} where {{ is_visible('spend') }}

),

touchpoints as (

    select * from {{ ref('int_touchpoint__daily') }}

),

costs as (

    select
        spent_on as day,
        channel,
        campaign_id,
        cost
    from spend

    union all

    select
        day,
        channel,
        campaign_id,
        cost
    from touchpoints

),

final as (

    select
        channel,
        coalesce(campaign_id, '(none)') as campaign_id,
        {{ to_double('sum(cost)') }} as cost
    from costs
    where day between {{ attribution_window_start() }} and {{ as_of_date() }}
    group by channel, coalesce(campaign_id, '(none)')

)

select * from final
