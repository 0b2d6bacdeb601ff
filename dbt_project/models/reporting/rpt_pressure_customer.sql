with

states as (

    select * from {{ ref('int_pressure__known_state') }}

),

final as (

    select
        as_of,
        customer_id,
        channel,
        channel_label,
        index,
        tolerance,
        tolerance_low,
        tolerance_high,
        ratio,
        state,
        probability,
        probability_over,
        severity,
        basis,
        action_code,
        action,
        owner,
        expires_on,
        cut_channel,
        last_contact_on,
        next_contact_at
    from states

)

select * from final
