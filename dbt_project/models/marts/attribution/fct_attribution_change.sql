-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

changes as (

    select * from {{ source('scores', 'attribution_change') }}

),

final as (

    select
        as_of,
        model,
        channel,
        first_before,
        last_before,
        first_now,
        last_now,
        conversions_before,
        conversions_now,
        share_before,
        share_now,
        change,
        change_low,
        change_high,
        p_value,
        q_value,
        is_real,
        volume_effect,
        share_effect
    from changes
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
