with

quality as (

    select * from {{ ref('identity_quality') }}

),

labels as (

    select * from {{ ref('identity_metrics') }}

),

compared as (

    select
        *,
        lag(value) over (partition by metric order by as_of) as value_before
    from quality

),

final as (

    select
        compared.as_of,
        compared.metric,
        coalesce(labels.metric_label, replace(replace(compared.metric, '_', ' '), '.', ': '))
            as metric_label,
        labels.unit,
        coalesce(labels.direction, 'none') as direction,
        compared.value,
        compared.value_before,
        compared.value - compared.value_before as change
    from compared
    left join labels on compared.metric = labels.metric

)

select * from final
