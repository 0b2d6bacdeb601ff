{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    tags=['core'],
    meta={'touched': {'by': ['fct_touchpoint', 'int_customer__consent'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=[
        "{{ record_changes(['fct_touchpoint', 'int_customer__consent']) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

{%- set producers = ['fct_touchpoint', 'int_customer__consent'] %}

with

engagement as (

    select * from {{ ref('int_engagement__customer_channel') }}
    {% if is_incremental() %}where {{ is_touched(producers) }}{% endif %}

),

consents as (

    select * from {{ ref('int_customer__consent') }}
    {% if is_incremental() %}where {{ is_touched(producers) }}{% endif %}

),

final as (

    select
        coalesce(engagement.customer_id, consents.customer_id) as customer_id,
        coalesce(engagement.channel, consents.channel) as channel,
        consents.is_granted as has_consent,
        consents.since_at as consent_since_at,
        consents.changed_at as consent_changed_at,
        engagement.first_seen_on,
        engagement.last_seen_on,
        cast(coalesce(engagement.touchpoints, 0) as {{ dbt.type_bigint() }}) as touchpoints,
        cast(coalesce(engagement.contacts, 0) as {{ dbt.type_bigint() }}) as contacts,
        engagement.first_contact_on,
        engagement.last_contact_on,
        cast(coalesce(engagement.human_responses, 0) as {{ dbt.type_bigint() }}) as human_responses,
        engagement.first_response_on,
        engagement.last_response_on,
        cast(coalesce(engagement.unsubscribes, 0) as {{ dbt.type_bigint() }}) as unsubscribes,
        cast(coalesce(engagement.complaints, 0) as {{ dbt.type_bigint() }}) as complaints
    from engagement
    full join consents
        on
            engagement.customer_id = consents.customer_id
            and engagement.channel = consents.channel

)

select * from final
