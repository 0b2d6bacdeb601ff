-- Signs at the newest business date scored, with sign, channel and action in words.
{{ config(materialized='view', tags=['after_scores']) }}

with

signals as (

    select * from {{ ref('fct_pressure_signal') }}

),

labels as (

    select * from {{ ref('sign_labels') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

final as (

    select
        signals.*,
        coalesce(labels.sign_label, signals.sign) as sign_label,
        {{ channel_label('signals.channel', 'channels') }} as channel_label,
        plans.action,
        plans.owner,
        plans.effort_days,
        plans.expected_return,
        {{ add_days('signals.as_of', 'plans.expiry_days') }} as expires_on
    from signals
    left join labels on signals.sign = labels.sign
    left join channels on signals.channel = channels.channel
    left join plans on signals.action_code = plans.action_code

)

select * from final
