with

customers as (

    select
        count(*) as customers,
        {{ count_if('is_known') }} as customers_known,
        {{ count_if('records > 0') }} as customers_in_crm,
        sum(records) as records
    from {{ ref('dim_customer') }}

),

touchpoints as (

    select
        sum(touchpoints) as touchpoints,
        max(last_event_at) as last_event_at
    from {{ ref('int_touchpoint__daily') }}

),

conversions as (

    select
        count(*) as conversions,
        sum(value) as revenue,
        {{ count_if('converted_on > ' ~ add_days(as_of_date(), -30)) }} as conversions_30d,
        sum(case when converted_on > {{ add_days(as_of_date(), -30) }} then value else 0 end)
            as revenue_30d,
        max(converted_at) as last_conversion_at
    from {{ ref('fct_conversion') }}

),

states as (

    select
        {{ count_if("state = 'under'") }} as customers_under,
        {{ count_if("state = 'balanced'") }} as customers_balanced,
        {{ count_if("state = 'over'") }} as customers_over
    from {{ ref('int_pressure__known_state') }}
    where channel = 'all'

),

signals as (

    select {{ count_if('alert') }} as alerts from {{ ref('fct_pressure_signal') }}

),

loads as (

    select
        sum(rows_read) as rows_read,
        sum(rows_loaded) as rows_loaded,
        sum(rows_duplicate) as rows_duplicate,
        sum(rows_rejected) as rows_rejected
    from {{ source('ops', 'load_batches') }}
    where status in ('loaded', 'replaced') and delivered_on <= {{ as_of_date() }}

),

final as (

    select
        {{ as_of_date() }} as as_of,
        cast(coalesce(customers.records, 0) as {{ dbt.type_bigint() }}) as records,
        customers.customers,
        customers.customers_known,
        customers.customers_in_crm,
        cast(coalesce(touchpoints.touchpoints, 0) as {{ dbt.type_bigint() }}) as touchpoints,
        conversions.conversions,
        coalesce(conversions.revenue, 0) as revenue,
        coalesce(conversions.revenue_30d, 0) as revenue_30d,
        conversions.conversions_30d,
        states.customers_under,
        states.customers_balanced,
        states.customers_over,
        signals.alerts,
        cast(coalesce(loads.rows_read, 0) as {{ dbt.type_bigint() }}) as rows_read,
        cast(coalesce(loads.rows_loaded, 0) as {{ dbt.type_bigint() }}) as rows_loaded,
        cast(coalesce(loads.rows_duplicate, 0) as {{ dbt.type_bigint() }}) as rows_duplicate,
        cast(coalesce(loads.rows_rejected, 0) as {{ dbt.type_bigint() }}) as rows_rejected,
        greatest(touchpoints.last_event_at, conversions.last_conversion_at) as last_event_at,
        cast('{{ var("reporting_currency") }}' as {{ dbt.type_string() }}) as currency
    from customers
    cross join touchpoints
    cross join conversions
    cross join states
    cross join signals
    cross join loads

)

select * from final
