-- The periods of an identifier do not overlap, none ends before it begins, and one of them is open:
-- now.
{{ config(tags=['core']) }}

with

periods as (

    select
        identifier_type,
        value_hash,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (
            partition by identifier_type, value_hash order by valid_from
        ) as next_from
    from {{ ref('dim_customer_identifier') }}

)

select
    identifier_type,
    value_hash,
    min(valid_from) as valid_from
from periods
group by identifier_type, value_hash
having
    {{ count_if('is_current') }} <> 1
    or {{ count_if('is_current and next_from is not null') }} > 0
    or {{ count_if('valid_to <= valid_from or valid_to > next_from') }} > 0
