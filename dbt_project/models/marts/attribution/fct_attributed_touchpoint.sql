-- Credits, a row a model. A view: the credits themselves are kept once, a column a model.
{{ config(materialized='view', tags=['after_scores']) }}

with

credits as (

    select * from {{ ref('int_attribution__credits') }}

),

final as (

    {% for model in var('attribution_models') %}
    select
        conversion_id,
        cast('{{ model }}' as {{ dbt.type_string() }}) as model,
        step_number,
        steps,
        touchpoint_id,
        touchpoint_id is not null as is_observed,
        customer_id,
        channel,
        campaign_id,
        occurred_at,
        converted_at,
        converted_on,
        value,
        credit_{{ model }} as credit,
        credit_{{ model }} * value as revenue
    from credits
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from final
