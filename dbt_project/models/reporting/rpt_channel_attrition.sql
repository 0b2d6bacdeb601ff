with

judged as (

    select * from {{ ref('fct_channel_attrition') }}

),

customers as (

    select * from {{ ref('dim_customer') }} where is_known

),

channels as (

    select * from {{ ref('dim_channel') }}

),

counted as (

    select
        judged.as_of,
        judged.channel,
        judged.verdict,
        judged.shifted_to,
        count(*) as customers,
        avg(judged.p_disengaged) as mean_p_disengaged
    from judged
    inner join customers on judged.customer_id = customers.customer_id
    group by judged.as_of, judged.channel, judged.verdict, judged.shifted_to

),

final as (

    select
        counted.as_of,
        counted.channel,
        {{ channel_label('counted.channel', 'channels') }} as channel_label,
        counted.verdict,
        counted.shifted_to,
        {{ channel_label('counted.shifted_to', 'others') }} as shifted_to_label,
        counted.customers,
        {{ to_double('counted.customers') }}
        / sum(counted.customers) over (partition by counted.channel) as share,
        counted.mean_p_disengaged
    from counted
    left join channels on counted.channel = channels.channel
    left join channels as others on counted.shifted_to = others.channel

)

select * from final
