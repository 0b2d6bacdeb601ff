-- Running state: index and decayed contacts of a customer and channel after the last contact.
-- Nothing reads the history.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'kind': 'contact'}},
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

daily as (

    select * from {{ ref('fct_pressure_daily') }}
    {% if is_incremental() %}where {{ is_touched(['fct_touchpoint'], 'contact') }}{% endif %}

),

ordered as (

    select
        *,
        row_number() over (partition by customer_id, channel order by day desc) as recency
    from daily

),

final as (

    select
        customer_id,
        channel,
        day as last_contact_on,
        index as pressure_index,
        {{ decayed_contacts() | join(',\n        ') }},
        half_life_days,
        pressure_weight as intrusiveness,
        contacts_7d,
        contacts_30d
    from ordered
    where recency = 1

)

select * from final
