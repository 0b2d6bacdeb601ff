-- Where the brand may not write: channels on which the customer's last word is no (with var
-- unasked_consent_holds also those that want a yes and have none), and all channels together where
-- a refusal left none of those the customer was contacted on or agreed to. What the customer comes
-- to by himself (family owned or demand) does not count as left.
{{ config(materialized='view') }}

with

known as (

    select * from {{ ref('dim_customer_channel') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

judged as (

    select
        known.customer_id,
        known.channel,
        {% if var('unasked_consent_holds') -%}
        not coalesce(known.has_consent, not coalesce(channels.is_consent_required, false))
        {%- else -%}
        not coalesce(known.has_consent, true)
        {%- endif %} as is_refused,
        coalesce(channels.channel_family, '') not in ('owned', 'demand')
        and (coalesce(known.has_consent, false) or known.contacts > 0) as is_used
    from known
    left join channels on known.channel = channels.channel

),

final as (

    select
        customer_id,
        channel
    from judged
    where is_refused

    union all

    select
        customer_id,
        'all' as channel
    from judged
    group by customer_id
    having
        {{ count_if('is_refused') }} > 0
        and {{ count_if('is_used and not is_refused') }} = 0

)

select * from final
