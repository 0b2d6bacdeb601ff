-- The channel results within each segment. A fitted model of a segment with too few conversions
-- for a fit of its own is summed from the credits of its conversions.
{{ config(
    materialized='incremental',
    unique_key='as_of',
    on_schema_change='append_new_columns',
    full_refresh=false,
    tags=['after_scores'],
    indexes=[{'columns': ['as_of', 'dimension', 'segment', 'model', 'channel'], 'unique': true}],
    post_hook=[
        "{{ keep_month_ends(var('segment_history_days')) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

{%- set cell = ['dimension', 'segment', 'model', 'channel'] %}

with

attributed as (

    select * from {{ ref('int_attribution__credit_sums') }} where dimension <> 'all'

),

fitted as (

    select * from {{ source('scores', 'attribution_channel') }}
    where as_of = {{ as_of_date() }} and dimension <> 'all'

),

fits as (

    select distinct
        dimension,
        segment,
        model
    from fitted

),

results as (

    select
        {{ columns_of('attributed', cell + credit_measures()) }},
        'credits' as basis
    from attributed
    left join fits
        on
            attributed.dimension = fits.dimension
            and attributed.segment = fits.segment
            and attributed.model = fits.model
    where fits.model is null

    union all

    select
        {{ columns_of('fitted', cell + credit_measures()) }},
        'fit' as basis
    from fitted

),

final as (

    select
        {{ as_of_date() }} as as_of,
        {{ columns_of('results', cell + credit_measures()) }},
        cast(results.basis as {{ dbt.type_string() }}) as basis
    from results

)

select * from final
