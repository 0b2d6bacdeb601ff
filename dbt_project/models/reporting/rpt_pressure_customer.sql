with

states as (

    select * from {{ ref('int_pressure__known_state') }}

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

final as (

    select
        states.as_of,
        states.customer_id,
        states.channel,
        states.index,
        states.tolerance,
        states.state,
        states.probability,
        states.basis,
        states.action_code,
        plans.action,
        states.last_contact_on,
        states.next_contact_at
    from states
    left join plans on states.action_code = plans.action_code

)

select * from final
