-- The last word of a customer on each channel and since when it has held; of two at the same moment
-- the refusal is the later.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key=['customer_id', 'channel'],
    meta={'changes': {'at': 'changed_at'}},
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

changes as (

    select * from {{ ref('stg_consents__changes') }} where {{ is_visible('consents') }}

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

ordered as (

    select
        customers.customer_id,
        changes.channel,
        changes.is_granted,
        changes.changed_at,
        row_number() over (
            partition by customers.customer_id, changes.channel
            order by changes.changed_at asc, changes.is_granted desc
        ) as place,
        first_value(changes.is_granted) over (
            partition by customers.customer_id, changes.channel
            order by changes.changed_at desc, changes.is_granted asc
        ) as last_word
    from changes
    inner join customers on {{ is_customer_of('changes', 'changed_at') }}

),

contradicted as (

    select
        *,
        max(case when is_granted <> last_word then place end) over (
            partition by customer_id, channel
        ) as last_contradiction
    from ordered

),

final as (

    select
        customer_id,
        channel,
        last_word as is_granted,
        max(changed_at) as changed_at,
        min(case when place > coalesce(last_contradiction, 0) then changed_at end) as since_at,
        count(*) as changes
    from contradicted
    group by customer_id, channel, last_word

)

select * from final
