-- Whom an experiment treated and whom it held out, one row a customer. The first assignment counts;
-- who was assigned again, in either arm, is contaminated: leaving out only those of both arms would
-- leave more people with several records in the larger arm.
{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

assignments as (

    select * from {{ ref('stg_experiments__assignments') }} where {{ is_visible('experiments') }}

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

assigned as (

    select
        assignments._row_key,
        assignments.experiment_id,
        assignments.channel,
        assignments.arm,
        assignments.assigned_at,
        assignments.ends_at,
        {{ customer_of('assignments') }}
    from assignments
    left join customers on {{ is_customer_of('assignments', 'assigned_at') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by experiment_id, customer_id order by assigned_at, _row_key
        ) as place,
        count(*) over (partition by experiment_id, customer_id) as assignments
    from assigned

),

final as (

    select
        experiment_id,
        customer_id,
        channel,
        arm,
        assigned_at,
        {{ business_date('assigned_at') }} as assigned_on,
        {{ business_date('ends_at') }} as ends_on,
        assignments > 1 as is_contaminated
    from ranked
    where place = 1

)

select * from final
