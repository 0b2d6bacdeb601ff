-- Share of the golden fields seeds/survivorship_rules.csv counts that hold a value which is no
-- placeholder. Reads schema pii to count there, and takes nothing else out of it.
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

golden as (

    select
        customer_id,
        field
    from {{ ref('customer_golden') }}
    where
        not is_placeholder
        and {{ is_touched(['int_customer__records']) if is_incremental() else 'true' }}

),

fields as (

    select field from {{ ref('survivorship_rules') }} where is_counted

),

customers as (

    select distinct customer_id from records

),

filled as (

    select
        golden.customer_id,
        count(*) as fields_filled
    from golden
    inner join fields on golden.field = fields.field
    group by golden.customer_id

),

wanted as (

    select count(*) as fields_wanted from fields

),

final as (

    select
        customers.customer_id,
        coalesce(filled.fields_filled, 0) as fields_filled,
        wanted.fields_wanted,
        {{ share('coalesce(filled.fields_filled, 0)', 'wanted.fields_wanted') }} as completeness
    from customers
    cross join wanted
    left join filled on customers.customer_id = filled.customer_id

)

select * from final
