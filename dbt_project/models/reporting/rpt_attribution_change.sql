with

changes as (

    select * from {{ ref('fct_attribution_change') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

labels as (

    select * from {{ ref('model_labels') }}

),

final as (

    select
        changes.as_of,
        changes.model,
        coalesce(labels.model_label, changes.model) as model_label,
        coalesce(labels.is_default, false) as is_default,
        changes.channel,
        {{ channel_label('changes.channel', 'channels') }} as channel_label,
        changes.first_before,
        changes.last_before,
        changes.first_now,
        changes.last_now,
        changes.conversions_before,
        changes.conversions_now,
        changes.share_before,
        changes.share_now,
        changes.change,
        changes.change_low,
        changes.change_high,
        changes.p_value,
        changes.q_value,
        changes.is_real,
        changes.volume_effect,
        changes.share_effect,
        case
            when not changes.is_real then 'steady'
            when changes.change > 0 then 'up'
            else 'down'
        end as verdict
    from changes
    left join channels on changes.channel = channels.channel
    left join labels on changes.model = labels.model

)

select * from final
