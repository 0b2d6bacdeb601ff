-- Pressure states of known customers, with channel and action in words: nobody can be written to
-- who is a cookie and nothing else.
{{ config(materialized='view', tags=['after_scores']) }}

with

states as (

    select * from {{ ref('fct_pressure_state') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

final as (

    select
        states.*,
        {{ channel_label('states.channel', 'channels') }} as channel_label,
        plans.action,
        plans.owner,
        {{ add_days('states.as_of', 'plans.expiry_days') }} as expires_on
    from states
    inner join customers on states.customer_id = customers.customer_id
    left join channels on states.channel = channels.channel
    left join plans on states.action_code = plans.action_code
    where customers.is_known

)

select * from final
