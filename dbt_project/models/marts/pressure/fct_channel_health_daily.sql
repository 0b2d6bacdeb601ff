-- Health of each channel by day and segment, with the usual figure of the 56 days that ended a week
-- before. A run writes the days that changed, and those whose usual figures look back on them.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['core'],
    meta={'touched': {'by': health_producers(), 'key': 'day', 'followers': true}},
    indexes=[{'columns': ['day']}],
    post_hook=['{{ record_changes(health_producers()) }}', '{{ refresh_statistics() }}'],
) }}

{%- set counts = touchpoint_counts().keys() | list + contact_kinds().keys() | list
    + ['orders', 'revenue', 'returns', 'returned_amount'] %}
{%- set rates = {
    'open_rate': ('human_opens', 'contacts'),
    'click_rate': ('human_clicks', 'contacts'),
    'unsubscribe_rate': ('unsubscribes', 'contacts'),
    'spam_complaint_rate': ('spam_complaints', 'contacts'),
    'complaint_rate': ('complaints', 'contacts'),
    'negative_comment_rate': ('negative_comments', 'comments'),
    'return_rate': ('returns', 'orders'),
} %}
{%- set reach_days = var('baseline_days') + var('baseline_gap_days') - 1 %}

with

{% if is_incremental() %}
touched as (

    {{ touched_days_and_their_followers(health_producers()) }}

),

bounds as (

    select
        {{ add_days('min(date_day)', -1 * reach_days) }} as first_day,
        max(date_day) as last_day
    from touched

),

{% endif %}
counted as (

    select
        *,
        {{ days_between("cast('2000-01-01' as date)", 'day') }} as day_number
    from {{ ref('int_pressure__health') }}
    {% if is_incremental() %}
    where
        day >= (select bounds.first_day from bounds)
        and day <= (select bounds.last_day from bounds)
    {% endif %}

),

compared as (

    select
        day,
        channel,
        segment,
        {%- for count in counts %}
        {{ count }},
        {%- endfor %}
        {%- for rate, parts in rates.items() %}
        {{ share(parts[0], parts[1]) }} as {{ rate }},
        {%- endfor %}
        {%- for rate, parts in rates.items() %}
        {{ share('sum(' ~ parts[0] ~ ') over usual', 'sum(' ~ parts[1] ~ ') over usual') }}
            as {{ rate }}_baseline,
        {%- endfor %}
        {{ to_double('sum(orders) over usual') }} / {{ var('baseline_days') }} as orders_baseline,
        sum(revenue) over usual / {{ var('baseline_days') }} as revenue_baseline
    from counted
    window
        usual as (
            partition by channel, segment order by day_number
            range between {{ reach_days }} preceding and {{ var('baseline_gap_days') }} preceding
        )

),

final as (

    select * from compared
    {% if is_incremental() %}
    where day in (select touched.date_day from touched)
    {% endif %}

)

select * from final
