{{ config(tags=['core']) }}

with

plans as (

    select * from {{ ref('action_plans') }}

),

final as (

    select
        action_code,
        applies_to,
        trigger as applies_when,
        severity,
        action,
        owner,
        {{ to_double('effort_days') }} as effort_days,
        expected_return,
        cast(expiry_days as integer) as expiry_days,
        source
    from plans

)

select * from final
