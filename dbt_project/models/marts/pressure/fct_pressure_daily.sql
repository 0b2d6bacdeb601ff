-- Contacts after each day with one, decayed: D(t) = D(t - 1) * 2^(-1 / h) + n, with half, once and
-- twice the half-life of the channel's profile and with that of the memory; index = weight * D. A
-- run recomputes a customer from the first day that changed, starting from the state before it.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['core'],
    meta={'touched': {'by': ['fct_touchpoint'], 'kind': 'contact', 'from': 'day'}},
    indexes=[{'columns': ['customer_id', 'channel', 'day'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }} where is_contact

),

weights as (

    select
        channel,
        {{ to_double('pressure_weight') }} as pressure_weight,
        {{ to_double('persistence_days') }} as half_life_days
    from {{ ref('channel_profiles') }}

),

{% if is_incremental() %}

touched as (

    select
        customer_id,
        {{ business_date('changed_from') }} as first_day
    from ({{ touched_customers(['fct_touchpoint'], 'contact') }}) as changes

),

present as (

    select
        present.*,
        touched.first_day
    from touched
    inner join {{ this }} as present
        on touched.customer_id = present.customer_id and touched.first_day > present.day

),

-- the state the recomputation starts from
carried as (

    select *
    from (
        select
            *,
            row_number() over (partition by customer_id, channel order by day desc) as recency
        from present
    ) as ordered
    where recency = 1

),

{% endif %}

contacts as (

    select
        touchpoints.customer_id,
        touchpoints.channel,
        touchpoints.occurred_on as day,
        count(*) as contacts
    from touchpoints
    {% if is_incremental() %}
    inner join touched
        on
            touchpoints.customer_id = touched.customer_id
            and touchpoints.occurred_on >= touched.first_day
    {% endif %}
    group by touchpoints.customer_id, touchpoints.channel, touchpoints.occurred_on

),

arrived as (

    select
        contacts.customer_id,
        contacts.channel,
        contacts.day,
        contacts.contacts,
        {%- for name in decayed_contacts() %}
        {{ to_double('contacts.contacts') }} as {{ name }}_exposure,
        {%- endfor %}
        weights.pressure_weight,
        weights.half_life_days,
        true as is_new
    from contacts
    inner join weights on contacts.channel = weights.channel

),

exposures as (

    select * from arrived

    {% if is_incremental() %}
    union all

    select
        present.customer_id,
        present.channel,
        present.day,
        present.contacts_1d as contacts,
        {%- for name in decayed_contacts() %}
        case when carried.day is null then 0 else present.{{ name }} end as {{ name }}_exposure,
        {%- endfor %}
        present.pressure_weight,
        present.half_life_days,
        false as is_new
    from present
    left join carried
        on
            present.customer_id = carried.customer_id
            and present.channel = carried.channel
            and present.day = carried.day
    where carried.day is not null or present.day > {{ add_days('present.first_day', -30) }}
    {% endif %}

),

{{ decayed_sum('exposures') }},

final as (

    select
        customer_id,
        channel,
        day,
        contacts as contacts_1d,
        cast(sum(contacts) over (
            partition by customer_id, channel order by day_number
            range between 6 preceding and current row
        ) as {{ dbt.type_bigint() }}) as contacts_7d,
        cast(sum(contacts) over (
            partition by customer_id, channel order by day_number
            range between 29 preceding and current row
        ) as {{ dbt.type_bigint() }}) as contacts_30d,
        {{ decayed_contacts() | join(',\n        ') }},
        pressure_weight * decayed as index,
        pressure_weight,
        half_life_days,
        is_new
    from decayed_sum

)

select
    customer_id,
    channel,
    day,
    contacts_1d,
    contacts_7d,
    contacts_30d,
    {{ decayed_contacts() | join(',\n    ') }},
    index,
    pressure_weight,
    half_life_days
from final
where is_new
