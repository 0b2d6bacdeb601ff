-- Credits, a row a model. A view: the credits themselves are kept once, a column a model.
{{ config(materialized='view', tags=['after_scores']) }}

with

credits as (

    select * from {{ ref('int_attribution__credits') }}

),

final as (

    {% for model in attribution_models() %}
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

    {% if 'same_touch' in attribution_models() %}
    -- nobody came by a touch: the place of sale is a step after the last one
    union all

    select
        conversion_id,
        cast('same_touch' as {{ dbt.type_string() }}) as model,
        step_number + 1 as step_number,
        steps,
        cast(null as {{ dbt.type_string() }}) as touchpoint_id,
        false as is_observed,
        customer_id,
        sales_channel as channel,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        converted_at as occurred_at,
        converted_at,
        converted_on,
        value,
        1 - credit_same_touch as credit,
        (1 - credit_same_touch) * value as revenue
    from credits
    where step_number = steps and credit_same_touch < 1
    {% endif %}

)

select * from final
