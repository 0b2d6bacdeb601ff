with

batches as (

    select * from {{ source('ops', 'load_batches') }}
    where status in ('loaded', 'replaced', 'failed') and delivered_on <= {{ as_of_date() }}

),

rejected as (

    select
        source,
        feed,
        reason,
        row_number() over (
            partition by source, feed order by count(*) desc, reason
        ) as place
    from {{ source('ops', 'rejected_rows') }}
    where delivered_on <= {{ as_of_date() }}
    group by source, feed, reason

),

counted as (

    select
        source,
        feed,
        max(delivered_on) as last_delivered_on,
        {{ count_if("status = 'failed'") }} as batches_failed,
        sum(rows_read) as rows_read,
        sum(rows_loaded) as rows_loaded,
        sum(rows_duplicate) as rows_duplicate,
        sum(rows_rejected) as rows_rejected
    from batches
    group by source, feed

),

final as (

    select
        {{ as_of_date() }} as as_of,
        counted.source,
        counted.feed,
        counted.last_delivered_on,
        counted.batches_failed,
        cast(counted.rows_read as {{ dbt.type_bigint() }}) as rows_read,
        cast(counted.rows_loaded as {{ dbt.type_bigint() }}) as rows_loaded,
        cast(counted.rows_duplicate as {{ dbt.type_bigint() }}) as rows_duplicate,
        cast(counted.rows_rejected as {{ dbt.type_bigint() }}) as rows_rejected,
        {{ share('counted.rows_rejected', 'counted.rows_read') }} as rejected_share,
        rejected.reason as top_reason
    from counted
    left join rejected
        on
            counted.source = rejected.source
            and counted.feed = rejected.feed
            and rejected.place = 1

)

select * from final
