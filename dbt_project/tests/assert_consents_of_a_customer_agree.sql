-- The consents in a customer's row are those of the customer's channels.
{{ config(tags=['core']) }}

{%- set in_the_row = "'" ~ var('consent_channels') | join("', '") ~ "'" %}

with

told as (

    {% for channel in var('consent_channels') %}
    select
        customer_id,
        '{{ channel }}' as channel,
        consent_{{ channel }} as has_consent
    from {{ ref('dim_customer') }}
    where consent_{{ channel }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

kept as (

    select
        customer_id,
        channel,
        has_consent
    from {{ ref('dim_customer_channel') }}
    where
        has_consent is not null
        and channel in ({{ in_the_row }})

)

select
    coalesce(told.customer_id, kept.customer_id) as customer_id,
    coalesce(told.channel, kept.channel) as channel
from told
full join kept on told.customer_id = kept.customer_id and told.channel = kept.channel
where {{ differs('told.has_consent', 'kept.has_consent') }}
