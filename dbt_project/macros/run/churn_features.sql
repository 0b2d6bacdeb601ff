{#-
    CTEs that tell of every customer who had bought by a cut (a SQL date; its own day belongs to the past) what was known
    then, a row a customer and cut; the last one is `churn_features`. Windows end at the cut and look back 365 days (or
    var churn_activity_days) at most. What a customer did over all history is int_engagement__customer_channel without
    what came after the cut, so that no table is read further back. Names and units: models/intermediate/churn/_churn.yml.
-#}
{% macro churn_features(cuts) -%}
{%- set longest_days = [365, var('churn_activity_days')] | max -%}
{%- set windows = [
    ('contacts', 30), ('contacts', 90), ('responses', 30), ('responses', 90), ('visits', 90), ('opens', 90),
    ('unsubscribes', 365), ('complaints', 365),
] -%}
{#- column -> what of a day is counted -#}
{%- set totals = {
    'human_responses': 'responses', 'contacts': 'contacts', 'unsubscribes': 'unsubscribes',
    'complaints': 'complaints',
} -%}
{%- set stores -%}sales_channel in {{ text_list(var('store_sales_channels')) }}{%- endset -%}
cuts as (

    {%- for cut in cuts %}
    select {{ cut }} as cut
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

purchase_days as (

    select
        customer_id,
        ordered_on,
        count(*) as orders,
        {{ count_if(stores) }} as store_orders,
        {{ to_double('sum(amount)') }} as revenue,
        row_number() over (partition by customer_id order by ordered_on) as purchase_number
    from {{ ref('fct_order') }}
    where ordered_on <= (select max(cuts.cut) from cuts)
    group by customer_id, ordered_on

),

purchases as (

    select
        days.customer_id,
        cuts.cut,
        sum(days.orders) as orders,
        count(*) as purchase_days,
        min(days.ordered_on) as first_order_on,
        max(days.ordered_on) as last_order_on,
        {{ count_if(within('days.ordered_on', 90)) }} as orders_90d,
        {{ count_if(within('days.ordered_on', 365)) }} as orders_365d,
        sum(days.revenue) as revenue,
        sum(case when {{ within('days.ordered_on', 365) }} then days.revenue else 0 end) as revenue_365d,
        avg(case when days.purchase_number > 1 then days.revenue end) as repeat_mean_value,
        {{ share('sum(days.store_orders)', 'sum(days.orders)') }} as store_share
    from purchase_days as days
    inner join cuts on days.ordered_on <= cuts.cut
    group by days.customer_id, cuts.cut

),

returned as (

    select
        returns.customer_id,
        cuts.cut,
        {{ to_double('sum(returns.amount)') }} as amount
    from {{ ref('fct_return') }} as returns
    inner join cuts on returns.returned_on <= cuts.cut and returns.ordered_on <= cuts.cut
    where returns.customer_id is not null
    group by returns.customer_id, cuts.cut

),

-- the customers' days inside the longest window, and those after the cut
days_seen as (

    select
        customer_id,
        channel,
        occurred_on,
        {{ count_if('is_contact') }} as contacts,
        {{ count_if('is_response and not is_machine') }} as responses,
        {{ count_if("event_type = 'visit' and not is_machine") }} as visits,
        {{ count_if("event_type = 'open' and not is_machine") }} as opens,
        {{ count_if("event_type = 'unsubscribe'") }} as unsubscribes,
        {{ count_if("event_type in ('spam_complaint', 'complaint')") }} as complaints
    from {{ ref('fct_touchpoint') }}
    where
        occurred_on > (select {{ add_days('min(cuts.cut)', -1 * longest_days) }} from cuts)
        and customer_id in (select purchase_days.customer_id from purchase_days)
    group by customer_id, channel, occurred_on

),

seen as (

    select
        days_seen.*,
        purchases.cut,
        days_seen.occurred_on > purchases.cut as is_later
    from days_seen
    inner join purchases
        on
            days_seen.customer_id = purchases.customer_id
            and days_seen.occurred_on > {{ add_days('purchases.cut', -1 * longest_days) }}

),

by_channel as (

    select
        customer_id,
        cut,
        channel,
        {%- for count, days in windows %}
        sum(case when {{ within('occurred_on', days) }} then {{ count }} else 0 end) as {{ count }}_{{ days }}d,
        {%- endfor %}
        {%- for total in totals.values() %}
        sum(case when is_later then {{ total }} else 0 end) as {{ total }}_later,
        {%- endfor %}
        max(case when responses > 0 and {{ within('occurred_on', 365) }} then occurred_on end) as last_response_on,
        max(case when visits > 0 and {{ within('occurred_on', 365) }} then occurred_on end) as last_visit_on
    from seen
    group by customer_id, cut, channel

),

recent as (

    select
        customer_id,
        cut,
        {%- for count, days in windows %}
        sum({{ count }}_{{ days }}d) as {{ count }}_{{ days }}d,
        {%- endfor %}
        {%- for total in totals.values() %}
        sum({{ total }}_later) as {{ total }}_later,
        {%- endfor %}
        max(last_response_on) as last_response_on,
        max(last_visit_on) as last_visit_on,
        {{ count_if('responses_90d > 0') }} as channels_90d
    from by_channel
    group by customer_id, cut

),

ever as (

    select
        customer_id,
        sum(human_responses) as human_responses,
        sum(contacts) as contacts,
        sum(unsubscribes) as unsubscribes,
        sum(complaints) as complaints,
        min(first_seen_on) as first_seen_on
    from {{ ref('int_engagement__customer_channel') }}
    group by customer_id

),

-- the index of fct_pressure_daily without what decayed for a year: below 2^-26 of a contact
pressed as (

    select
        contacts.customer_id,
        cuts.cut,
        sum(
            contacts.contacts_1d * contacts.pressure_weight
            * {{ decay(days_between('contacts.day', 'cuts.cut'), 'contacts.half_life_days') }}
        ) as pressure_index
    from {{ ref('fct_pressure_daily') }} as contacts
    inner join cuts
        on
            contacts.day <= cuts.cut
            and contacts.day > {{ add_days('cuts.cut', -365) }}
    where contacts.day > (select {{ add_days('min(cuts.cut)', -365) }} from cuts)
    group by contacts.customer_id, cuts.cut

),

{{ churn_activity() }},

churn_features as (

    select
        purchases.customer_id,
        purchases.cut,
        cast(purchases.orders as integer) as orders,
        cast(purchases.purchase_days as integer) as purchase_days,
        cast(purchases.purchase_days - 1 as integer) as repeat_purchases,
        {{ days_between('purchases.first_order_on', 'purchases.last_order_on') }} as recency_days,
        {{ days_between('purchases.first_order_on', 'purchases.cut') }} as age_days,
        {{ days_between('purchases.last_order_on', 'purchases.cut') }} as days_since_order,
        {{ share(
            days_between('purchases.first_order_on', 'purchases.last_order_on'), 'purchases.purchase_days - 1'
        ) }} as mean_gap_days,
        purchases.first_order_on,
        purchases.last_order_on,
        cast(purchases.orders_90d as integer) as orders_90d,
        cast(purchases.orders_365d as integer) as orders_365d,
        purchases.revenue,
        purchases.revenue_365d,
        purchases.revenue / purchases.purchase_days as mean_day_value,
        purchases.repeat_mean_value,
        last_day.revenue as last_day_value,
        coalesce(returned.amount, 0) / nullif(purchases.revenue, 0) as returned_share,
        purchases.store_share,
        {%- for count, days in windows %}
        cast(coalesce(recent.{{ count }}_{{ days }}d, 0) as integer) as {{ count }}_{{ days }}d,
        {%- endfor %}
        cast(coalesce(recent.channels_90d, 0) as integer) as channels_90d,
        {{ days_between('recent.last_response_on', 'purchases.cut') }} as days_since_response,
        {{ days_between('recent.last_visit_on', 'purchases.cut') }} as days_since_visit,
        {%- for name, total in totals.items() %}
        cast(coalesce(ever.{{ name }}, 0) - coalesce(recent.{{ total }}_later, 0) as integer) as {{ name }},
        {%- endfor %}
        coalesce(pressed.pressure_index, 0) as pressure_index,
        activity.acts,
        activity.act_days,
        activity.pushed_act_days,
        activity.observed_days,
        activity.days_since_act,
        activity.act_exposure,
        activity.silent_exposure
    from purchases
    inner join purchase_days as last_day
        on
            purchases.customer_id = last_day.customer_id
            and purchases.last_order_on = last_day.ordered_on
    left join returned
        on purchases.customer_id = returned.customer_id and purchases.cut = returned.cut
    left join recent
        on purchases.customer_id = recent.customer_id and purchases.cut = recent.cut
    inner join activity
        on purchases.customer_id = activity.customer_id and purchases.cut = activity.cut
    left join ever on purchases.customer_id = ever.customer_id
    left join pressed
        on purchases.customer_id = pressed.customer_id and purchases.cut = pressed.cut

)
{%- endmacro %}

{#- Condition: a date lies in the so many days that end at the cut. -#}
{% macro within(day, days, cut='cut') -%}
    {{ day }} <= {{ cut }} and {{ day }} > {{ add_days(cut, -1 * days) }}
{%- endmacro %}
