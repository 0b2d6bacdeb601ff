-- Rows: every sign in words and every channel some sign was looked for on; a field nothing was
-- looked for in says so.
with

signals as (

    select * from {{ ref('int_pressure__told_signal') }}

),

labels as (

    select * from {{ ref('sign_labels') }}

),

channels as (

    select distinct
        channel,
        channel_label
    from signals

),

counted as (

    select
        sign,
        channel,
        count(*) as segments,
        {{ count_if('alert') }} as segments_alerting
    from signals
    group by sign, channel

),

final as (

    select
        {{ newest_as_of('pressure_signal') }} as as_of,
        labels.sign,
        labels.sign_label,
        channels.channel,
        channels.channel_label,
        coalesce(signals.verdict, 'not_judged') as verdict,
        signals.effect,
        signals.q_value,
        signals.severity_level,
        signals.since,
        coalesce(counted.segments, 0) as segments,
        cast(coalesce(counted.segments_alerting, 0) as {{ dbt.type_bigint() }}) as segments_alerting
    from labels
    cross join channels
    left join counted
        on labels.sign = counted.sign and channels.channel = counted.channel
    left join signals
        on
            labels.sign = signals.sign
            and channels.channel = signals.channel
            and signals.segment = 'all'

)

select * from final
