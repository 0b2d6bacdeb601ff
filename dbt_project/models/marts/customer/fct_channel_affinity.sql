-- How much more a customer answers a channel than its contacts let expect, shrunk to 1 where little
-- is known.
{{ config(
    tags=['core'],
    indexes=[{'columns': ['customer_id']}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

engagement as (

    select * from {{ ref('int_engagement__customer_channel') }}

),

-- a channel that contacts people is judged by responses a contact, one that people seek by
-- responses a person
channels as (

    select
        channel,
        sum(contacts) > 0 as is_pushed,
        {{ share('sum(human_responses)', 'sum(contacts)') }} as responses_per_contact,
        {{ share('sum(human_responses)', 'count(*)') }} as responses_per_customer
    from engagement
    group by channel

),

compared as (

    select
        engagement.customer_id,
        engagement.channel,
        engagement.contacts,
        engagement.human_responses,
        case
            when channels.is_pushed then engagement.contacts * channels.responses_per_contact
            else channels.responses_per_customer
        end as expected_responses
    from engagement
    inner join channels on engagement.channel = channels.channel

),

scored as (

    select
        *,
        (human_responses + {{ var('engagement_prior') }})
        / (expected_responses + {{ var('engagement_prior') }}) as affinity
    from compared

),

final as (

    select
        customer_id,
        channel,
        {{ to_double('affinity') }} as affinity,
        cast(row_number() over (
            partition by customer_id order by affinity desc, human_responses desc, channel asc
        ) as integer) as affinity_rank,
        cast(contacts as {{ dbt.type_bigint() }}) as contacts,
        cast(human_responses as {{ dbt.type_bigint() }}) as human_responses,
        {{ to_double('expected_responses') }} as expected_responses,
        cast(contacts + human_responses as {{ dbt.type_bigint() }}) as evidence
    from scored

)

select * from final
