-- A key of all that credits of a month depend on beside its journeys: fitted weights, an analyst's
-- weights, the variables of the rules. The row without a month is for months without a fit.
{{ config(materialized='view', tags=['after_scores']) }}

with

fitted as (

    select * from {{ ref('int_attribution__weights') }}

),

analysts_weights as (

    select * from {{ ref('attribution_weights') }}
    {% if var('weighted_models') %}
    where model in {{ text_list(var('weighted_models')) }}
    {% else %}
    where model is null
    {% endif %}

),

rules as (

    select
        '{{ attribution_rules_text() }}' || coalesce({{ dbt.listagg(
            columns_as_text(['model', 'channel', 'place', 'weight']), "','",
            "order by model, channel, place"
        ) }}, '') as rules_text
    from analysts_weights

),

months as (

    select
        month,
        {{ dbt.listagg(
            columns_as_text(['model', 'channel', 'place', 'weight']), "','",
            "order by model, channel, place"
        ) }} as weights_text
    from fitted
    group by month

    union all

    select
        cast(null as date) as month,
        '' as weights_text

),

final as (

    select
        months.month,
        {{ text_key("rules.rules_text || months.weights_text") }} as weights_key
    from months
    cross join rules

)

select * from final
