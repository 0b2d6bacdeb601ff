-- Golden record by the rules of seeds/survivorship_rules.csv, hashes and values that are not
-- personal; clear values and their provenance are in pii.customer_golden.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['int_customer__records'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id'], 'unique': true}],
    post_hook=["{{ record_changes(['int_customer__records']) }}", '{{ refresh_statistics() }}'],
) }}

with

records as (

    select * from {{ ref('int_customer__records') }}
    {% if is_incremental() %}where {{ is_touched(['int_customer__records']) }}{% endif %}

),

candidates as (

    select
        *,
        value as shown
    from {{ ref('int_customer__candidates') }}
    {% if is_incremental() %}where {{ is_touched(['int_customer__records']) }}{% endif %}

),

{{ survivors() }},

customers as (

    select
        customer_id,
        count(*) as records,
        {{ latest_value('_row_key', 'updated_at') }} as newest_row_key,
        max(updated_at) as updated_at
    from records
    group by customer_id

),

golden as (

    select
        {% for field in identifier_types() + ['country', 'stated_channel', 'acquisition_channel'] %}
        max(case when field = '{{ field }}' then value end) as {{ field }},
        {% endfor %}
        max(case when field = 'stated_hour' then cast(value as integer) end) as stated_hour,
        customer_id
    from survivors
    group by customer_id

),

final as (

    select
        customers.customer_id,
        customers.records,
        customers.newest_row_key,
        {{ identifier_columns('golden') }},
        golden.country,
        golden.stated_channel,
        golden.stated_hour,
        golden.acquisition_channel,
        customers.updated_at
    from customers
    left join golden on customers.customer_id = golden.customer_id

)

select * from final
