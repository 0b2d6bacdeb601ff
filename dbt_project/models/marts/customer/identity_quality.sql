-- Figures of each run of the identity stage; of several runs of one day the last.
{{ config(tags=['core'], indexes=[{'columns': ['as_of', 'metric'], 'unique': true}]) }}

with

runs as (

    select * from {{ source('ops', 'model_runs') }}
    where model = 'identity' and as_of <= {{ as_of_date() }}

),

ordered as (

    select
        *,
        row_number() over (partition by as_of order by finished_at desc, run_id desc) as recency
    from runs

),

last_runs as (

    select * from ordered where recency = 1

),

figures as (

    {{ json_numbers('last_runs', ['as_of', 'run_id'], 'fit_quality') }}

),

final as (

    select
        as_of,
        cast(metric as {{ dbt.type_string() }}) as metric,
        {{ to_double('value') }} as value,
        run_id
    from figures

)

select * from final
