{{ config(tags=['after_scores']) }}

with

transitions as (

    select * from {{ source('scores', 'attribution_transition') }}

),

final as (

    select
        as_of,
        from_channel,
        to_channel,
        transitions,
        probability
    from transitions
    where as_of = {{ newest_as_of('attribution_transition') }}

)

select * from final
