{#-
    CTEs of churn_features that tell from what a customer did, bought or answered of his own accord, when he was last
    alive; the last one is `activity`. An act day is a day of the window (var churn_activity_days, it ends at the cut) with
    a response of a person on any channel or an order; act days not further apart than var churn_spell_days are one act.
    The act a customer came with, which began the window he is observed in, says nothing of his rhythm and is not counted.
    Exposure is what contacts let expect of him: each counts the share of the contacts of its channel that everybody
    answered in the window (pushed channels: those with contacts), up to the last act, and in the silence since.
-#}
{% macro churn_activity() -%}
{%- set window = var('churn_activity_days') -%}
-- answers a contact of everybody, on the channels that contact people
answer_rates as (

    select
        cuts.cut,
        daily.channel,
        least(1, {{ share('sum(daily.human_responses)', 'sum(daily.contacts)') }}) as answer_rate
    from {{ ref('int_touchpoint__daily') }} as daily
    inner join cuts on {{ within('daily.day', window, 'cuts.cut') }}
    group by cuts.cut, daily.channel
    having sum(daily.contacts) > 0

),

act_days as (

    select
        customer_id,
        cut,
        day,
        max(is_pushed) as is_pushed
    from (
        select
            seen.customer_id,
            seen.cut,
            seen.occurred_on as day,
            case when answer_rates.channel is null then 0 else 1 end as is_pushed
        from seen
        left join answer_rates
            on seen.cut = answer_rates.cut and seen.channel = answer_rates.channel
        where seen.responses > 0 and {{ within('seen.occurred_on', window, 'seen.cut') }}
        union all
        select
            purchase_days.customer_id,
            cuts.cut,
            purchase_days.ordered_on as day,
            0 as is_pushed
        from purchase_days
        inner join cuts on {{ within('purchase_days.ordered_on', window, 'cuts.cut') }}
    ) as signs
    group by customer_id, cut, day

),

-- days close to each other are one spell: the visit, the click and the order of one intent
spells as (

    select
        customer_id,
        cut,
        day,
        is_pushed,
        lag(day) over (partition by customer_id, cut order by day) as previous_day
    from act_days

),

acted as (

    select
        customer_id,
        cut,
        {{ count_if(
            'previous_day is null or ' ~ days_between('previous_day', 'day') ~ ' > ' ~ var('churn_spell_days')
        ) }} as acts,
        count(*) as act_days,
        sum(is_pushed) as pushed_act_days,
        min(day) as first_act_on,
        max(day) as last_act_on
    from spells
    group by customer_id, cut

),

exposed as (

    select
        seen.customer_id,
        seen.cut,
        sum(case when seen.occurred_on <= acted.last_act_on then seen.contacts * answer_rates.answer_rate else 0 end)
            as act_exposure,
        sum(seen.contacts * answer_rates.answer_rate) as exposure
    from seen
    inner join answer_rates
        on seen.cut = answer_rates.cut and seen.channel = answer_rates.channel
    left join acted
        on seen.customer_id = acted.customer_id and seen.cut = acted.cut
    where seen.contacts > 0 and {{ within('seen.occurred_on', window, 'seen.cut') }}
    group by seen.customer_id, seen.cut

),

activity as (

    select
        purchases.customer_id,
        purchases.cut,
        cast(
            coalesce(acted.acts, 0)
            - case
                when
                    acted.first_act_on = least(ever.first_seen_on, purchases.first_order_on)
                    and {{ days_between('acted.first_act_on', 'purchases.cut') }} < {{ window }}
                    then 1
                else 0
            end as integer
        ) as acts,
        cast(coalesce(acted.act_days, 0) as integer) as act_days,
        cast(coalesce(acted.pushed_act_days, 0) as integer) as pushed_act_days,
        least(
            {{ days_between('least(ever.first_seen_on, purchases.first_order_on)', 'purchases.cut') }}, {{ window }}
        ) as observed_days,
        coalesce(
            {{ days_between('acted.last_act_on', 'purchases.cut') }},
            least(
                {{ days_between('least(ever.first_seen_on, purchases.first_order_on)', 'purchases.cut') }}, {{ window }}
            )
        ) as days_since_act,
        coalesce(exposed.act_exposure, 0) as act_exposure,
        greatest(coalesce(exposed.exposure - exposed.act_exposure, 0), 0) as silent_exposure
    from purchases
    left join acted
        on purchases.customer_id = acted.customer_id and purchases.cut = acted.cut
    left join exposed
        on purchases.customer_id = exposed.customer_id and purchases.cut = exposed.cut
    left join ever on purchases.customer_id = ever.customer_id

)
{%- endmacro %}
