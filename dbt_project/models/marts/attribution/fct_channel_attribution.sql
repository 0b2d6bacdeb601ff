-- Rules are summed from the credits of the window; fitted models come from the stage that fitted
-- them, with its intervals. Earlier business dates keep what was known then.
{{ config(
    materialized='incremental',
    unique_key='as_of',
    on_schema_change='append_new_columns',
    full_refresh=false,
    tags=['after_scores'],
    indexes=[{'columns': ['as_of', 'model', 'channel'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

attributed as (

    select * from {{ ref('int_attribution__credit_sums') }} where dimension = 'all'

),

fitted as (

    select * from {{ source('scores', 'attribution_channel') }}
    where as_of = {{ as_of_date() }} and dimension = 'all'

),

costs as (

    select
        channel,
        sum(cost) as cost
    from {{ ref('int_attribution__costs') }}
    group by channel

),

results as (

    -- a model without a fit of its own at this date is summed from its credits
    select
        {{ columns_of('attributed', ['model', 'channel'] + credit_measures()) }},
        cast(null as {{ type_double() }}) as removal_effect,
        cast(null as integer) as model_order,
        'credits' as basis
    from attributed
    where attributed.model not in (select fitted.model from fitted)

    union all

    select
        {{ columns_of('fitted', ['model', 'channel'] + credit_measures()) }},
        fitted.removal_effect,
        fitted.model_order,
        'fit' as basis
    from fitted

),

final as (

    select
        {{ as_of_date() }} as as_of,
        {{ columns_of('results', ['model', 'channel'] + credit_measures()) }},
        coalesce(costs.cost, 0) as cost,
        {{ cost_ratios('results', 'costs.cost') }},
        results.removal_effect,
        results.model_order,
        cast(results.basis as {{ dbt.type_string() }}) as basis
    from results
    left join costs on results.channel = costs.channel

)

select * from final
