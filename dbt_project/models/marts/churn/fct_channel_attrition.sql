{{ config(
    tags=['after_scores'],
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

judged as (

    select * from {{ source('scores', 'channel_attrition') }}
    where as_of = {{ newest_as_of('channel_attrition') }}

),

known as (

    select * from {{ ref('dim_customer_channel') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        judged.customer_id,
        judged.channel,
        judged.as_of,
        judged.responses,
        judged.recent_responses,
        judged.expected_responses,
        {{ add_days('judged.as_of', '-1 * judged.silence_days') }} as last_act_on,
        judged.silence_days,
        judged.rhythm_days,
        known.last_contact_on,
        judged.p_disengaged,
        judged.verdict,
        judged.shifted_to,
        judged.basis
    from judged
    inner join customers on judged.customer_id = customers.customer_id
    left join known
        on judged.customer_id = known.customer_id and judged.channel = known.channel

)

select * from final
