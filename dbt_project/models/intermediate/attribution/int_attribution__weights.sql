-- Weights of the fitted models by month and channel, with a key that changes when any weight of the
-- month does.
{{ config(materialized='view', tags=['after_scores']) }}

with

weights as (

    select * from {{ source('scores', 'attribution_weight') }} where model = 'markov'

),

versions as (

    select
        month,
        {{ text_key(dbt.listagg(
            "channel || '=' || cast(weight as " ~ dbt.type_string() ~ ")", "','", "order by channel"
        )) }} as weights_key
    from weights
    group by month

),

final as (

    select
        weights.month,
        weights.channel,
        weights.weight,
        versions.weights_key
    from weights
    inner join versions on weights.month = versions.month

)

select * from final
