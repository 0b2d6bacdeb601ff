-- Fitted weights of a step by month, model, channel and place.
{{ config(materialized='view', tags=['after_scores']) }}

with

weights as (

    select * from {{ source('scores', 'attribution_weight') }}
    where model in {{ text_list(attribution_models()) }}

),

final as (

    select
        month,
        model,
        channel,
        place,
        weight
    from weights

)

select * from final
