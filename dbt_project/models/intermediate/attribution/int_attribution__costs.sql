-- Cost by channel and campaign over the attribution window. A channel with entries in the spend
-- feed costs what these say; the unit costs its touchpoints carry are the same money seen from the
-- other side, so they count only for channels the spend feed does not know.
{{ config(tags=['after_scores']) }}

with

spend as (

    select * from {{ ref('stg_spend__costs') }}
    where
        {{ is_visible('spend') }}
        and spent_on between {{ attribution_window_start() }} and {{ as_of_date() }}

),

touchpoints as (

    select * from {{ ref('int_touchpoint__daily') }}
    where day between {{ attribution_window_start() }} and {{ as_of_date() }}

),

costs as (

    select
        channel,
        campaign_id,
        cost
    from spend

    union all

    select
        channel,
        campaign_id,
        cost
    from touchpoints
    where channel not in (select spend.channel from spend)

),

final as (

    select
        channel,
        coalesce(campaign_id, '(none)') as campaign_id,
        {{ to_double('sum(cost)') }} as cost
    from costs
    group by channel, coalesce(campaign_id, '(none)')

)

select * from final
