-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

sequences as (

    select * from {{ source('scores', 'attribution_sequence') }}

),

final as (

    select
        as_of,
        from_channel,
        to_channel,
        transitions,
        removal_effect
    from sequences
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
