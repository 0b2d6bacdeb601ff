{{ config(tags=['core']) }}

with

campaigns as (

    select * from {{ ref('stg_campaigns__campaigns') }}

),

spend as (

    select * from {{ ref('stg_spend__costs') }} where {{ is_visible('spend') }}

),

touchpoints as (

    select * from {{ ref('int_touchpoint__daily') }}

),

-- a campaign nobody declared but that spends money or reaches people exists all the same
seen as (

    select campaign_id from campaigns
    union
    select campaign_id from spend
    where campaign_id is not null
    union
    select campaign_id from touchpoints
    where campaign_id is not null

),

final as (

    select
        seen.campaign_id,
        campaigns.campaign_id is not null as is_declared,
        coalesce(campaigns.campaign_name, seen.campaign_id) as campaign_name,
        campaigns.team,
        campaigns.theme,
        campaigns.targeting,
        campaigns.content,
        campaigns.effort_days,
        {{ to_double('campaigns.planned_cost') }} as planned_cost,
        campaigns.starts_on,
        campaigns.ends_on
    from seen
    left join campaigns on seen.campaign_id = campaigns.campaign_id

)

select * from final
