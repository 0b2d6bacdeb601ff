-- When to write to a customer on each channel he agreed to: the hour he stated, else the channel's
-- best.
{{ config(tags=['after_scores'], post_hook=['{{ refresh_statistics() }}']) }}

with

consents as (

    select * from {{ ref('int_customer__consent') }} where is_granted

),

customers as (

    select * from {{ ref('dim_customer') }}

),

moments as (

    select * from {{ source('scores', 'moment_channel') }}
    where as_of = {{ newest_as_of('moment_channel') }}

),

ordered as (

    select
        *,
        row_number() over (
            partition by channel order by expected_response desc, weekday asc, hour asc
        ) as choice,
        row_number() over (
            partition by channel, hour order by expected_response desc, weekday asc
        ) as choice_in_hour
    from moments

),

final as (

    select
        {{ as_of_date() }} as as_of,
        consents.customer_id,
        consents.channel,
        coalesce(at_stated_hour.weekday, best.weekday, {{ var('default_weekday') }}) as weekday,
        coalesce(customers.stated_hour, best.hour, {{ var('default_hour') }}) as hour,
        case
            when customers.stated_hour is not null then at_stated_hour.expected_response
            else best.expected_response
        end as expected_response,
        case
            when customers.stated_hour is not null then 'stated'
            when best.channel is not null then 'channel'
            else 'default'
        end as basis
    from consents
    inner join customers on consents.customer_id = customers.customer_id
    left join ordered as best on consents.channel = best.channel and best.choice = 1
    left join ordered as at_stated_hour
        on
            consents.channel = at_stated_hour.channel
            and customers.stated_hour = at_stated_hour.hour
            and at_stated_hour.choice_in_hour = 1

)

select * from final
