-- Intervals of the states of a customer and channel follow each other without overlap, and none is
-- empty; two neighbours in the same state would be one.
{{ config(tags=['after_scores']) }}

with

states as (

    select
        *,
        lead(valid_from) over (partition by customer_id, channel order by valid_from) as next_from,
        lead(state || severity) over (partition by customer_id, channel order by valid_from)
            as next_state
    from {{ ref('fct_pressure_state_history') }}

)

select
    customer_id,
    channel,
    valid_from
from states
where
    valid_to <= valid_from
    or (next_from is not null and (valid_to is null or valid_to > next_from))
    or (valid_to = next_from and next_state = state || severity)
