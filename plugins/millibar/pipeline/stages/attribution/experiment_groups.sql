-- Customers of each experiment, alike in arm, reach and history, with sums of what they did while it ran. In reach: the
-- channel may write to the customer at the assignment, by the newest word on it; without any word, it did so before;
-- a channel nobody is ever asked about reaches everyone.
with

experiments as (

    select
        experiment_id,
        max(channel) as channel,
        least(coalesce(max(ends_on), %(as_of)s), %(as_of)s) as last_on
    from marts.fct_experiment_assignment
    where assigned_on <= %(as_of)s
    group by experiment_id

),

assigned as (

    select
        assignments.experiment_id,
        assignments.customer_id,
        assignments.arm,
        assignments.assigned_at,
        assignments.assigned_on,
        experiments.channel,
        experiments.last_on
    from marts.fct_experiment_assignment as assignments
    inner join experiments on assignments.experiment_id = experiments.experiment_id
    where not assignments.is_contaminated and assignments.assigned_on <= %(as_of)s

),

words as (

    select
        customers.customer_id,
        changes.channel,
        changes.is_granted,
        changes.changed_at
    from staging.stg_consents__changes as changes
    inner join intermediate.int_identity__signature_customers as customers
        on
            changes.signature = customers.signature
            and (customers.valid_from is null or changes.changed_at >= customers.valid_from)
            and (customers.valid_to is null or changes.changed_at < customers.valid_to)
    where changes.channel in (select experiments.channel from experiments)

),

asked as (

    select distinct channel from words

),

consent as (

    select distinct on (assigned.experiment_id, assigned.customer_id)
        assigned.experiment_id,
        assigned.customer_id,
        words.is_granted
    from assigned
    inner join words
        on
            assigned.customer_id = words.customer_id
            and assigned.channel = words.channel
            and words.changed_at <= assigned.assigned_at
    order by assigned.experiment_id, assigned.customer_id, words.changed_at desc, words.is_granted

),

contact as (

    select
        assigned.experiment_id,
        assigned.customer_id,
        bool_or(pressure.day < assigned.assigned_on) as is_contacted_before,
        sum(pressure.contacts_1d) filter (where pressure.day between assigned.assigned_on and assigned.last_on)
            as during
    from assigned
    inner join marts.fct_pressure_daily as pressure
        on
            assigned.customer_id = pressure.customer_id
            and assigned.channel = pressure.channel
    where pressure.contacts_1d > 0
    group by assigned.experiment_id, assigned.customer_id

),

outcome as (

    select
        assigned.experiment_id,
        assigned.customer_id,
        count(*) filter (
            where conversions.converted_on < assigned.assigned_on
                and conversions.converted_on >= assigned.assigned_on - %(history_days)s::integer
        ) as before,
        count(*) filter (where conversions.converted_on < assigned.assigned_on - %(history_days)s::integer)
            as long_before,
        count(*) filter (
            where conversions.converted_at >= assigned.assigned_at and conversions.converted_on <= assigned.last_on
        ) as conversions,
        sum(conversions.value) filter (
            where conversions.converted_at >= assigned.assigned_at and conversions.converted_on <= assigned.last_on
        ) as revenue
    from assigned
    inner join marts.fct_conversion as conversions on assigned.customer_id = conversions.customer_id
    group by assigned.experiment_id, assigned.customer_id

)

select
    assigned.experiment_id,
    assigned.arm,
    coalesce(consent.is_granted, asked.channel is null or contact.is_contacted_before, false) as is_reachable,
    coalesce(outcome.before, 0)::bigint as before,
    coalesce(outcome.long_before, 0)::bigint as long_before,
    count(*)::bigint as customers,
    coalesce(sum(contact.during), 0)::float8 as contacts,
    coalesce(sum(outcome.conversions), 0)::float8 as conversions,
    coalesce(sum(outcome.conversions * outcome.conversions), 0)::float8 as conversions_squared,
    coalesce(sum(outcome.revenue), 0)::float8 as revenue,
    coalesce(sum(outcome.revenue * outcome.revenue), 0)::float8 as revenue_squared
from assigned
left join consent
    on
        assigned.experiment_id = consent.experiment_id
        and assigned.customer_id = consent.customer_id
left join asked on assigned.channel = asked.channel
left join contact
    on
        assigned.experiment_id = contact.experiment_id
        and assigned.customer_id = contact.customer_id
left join outcome
    on
        assigned.experiment_id = outcome.experiment_id
        and assigned.customer_id = outcome.customer_id
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
