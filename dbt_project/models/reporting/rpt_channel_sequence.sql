with

sequences as (

    select * from {{ ref('fct_channel_sequence') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        sequences.as_of,
        cast(row_number() over (
            order by
                sequences.removal_effect desc,
                sequences.transitions desc,
                sequences.from_channel asc,
                sequences.to_channel asc
        ) as integer) as place,
        sequences.from_channel,
        {{ channel_label('sequences.from_channel', 'from_channels') }} as from_channel_label,
        sequences.to_channel,
        {{ channel_label('sequences.to_channel', 'to_channels') }} as to_channel_label,
        sequences.transitions,
        sequences.removal_effect
    from sequences
    left join channels as from_channels on sequences.from_channel = from_channels.channel
    left join channels as to_channels on sequences.to_channel = to_channels.channel

)

select * from final
