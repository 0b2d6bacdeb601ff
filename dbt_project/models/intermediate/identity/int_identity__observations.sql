-- Every row that carries identifiers, whatever its feed.
{{ config(materialized='view', tags=['identity_inputs']) }}

with

observed as (

    select
        'touchpoints' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        occurred_at as seen_at,
        false as is_record,
        _batch_id
    from {{ ref('stg_touchpoints__events') }}

    union all

    select
        'orders' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        ordered_at as seen_at,
        false as is_record,
        _batch_id
    from {{ ref('stg_orders__orders') }}

    union all

    select
        'customers' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        updated_at as seen_at,
        true as is_record,
        _batch_id
    from {{ ref('stg_customers__records') }}

    union all

    select
        'consents' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        changed_at as seen_at,
        false as is_record,
        _batch_id
    from {{ ref('stg_consents__changes') }}

    union all

    select
        'experiments' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        assigned_at as seen_at,
        false as is_record,
        _batch_id
    from {{ ref('stg_experiments__assignments') }}

    union all

    -- a term may begin after it was delivered: it was seen then
    select
        'subscriptions' as feed,
        _row_key,
        signature,
        {{ identifier_columns() }},
        least(starts_at, {{ business_moment('_delivered_on', 0) }}) as seen_at,
        false as is_record,
        _batch_id
    from {{ ref('stg_subscriptions__terms') }}

)

select * from observed
