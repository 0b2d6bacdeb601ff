{#-
    CTEs that give the decayed sum of exposures by customer and channel without recursion.

    With days t_1 < t_2 < ... and half-life h the sum is 2^(-t_k/h) * sum over j <= k of e_j 2^(t_j/h), whose terms
    overflow after some years. So time is cut into blocks of 256 half-lives: inside a block the powers stay below
    2^256, the block before is carried over exactly, and what lies two blocks back (below 2^-256) is nothing.

    Reads `relation` (customer_id, channel, day, exposure, half_life_days, ...); the last CTE is `decayed_sum`: all
    its columns, and decayed, day_number.
-#}
{% macro decayed_sum(relation) -%}
placed as (

    select
        *,
        {{ days_between("cast('2000-01-01' as date)", 'day') }} as day_number,
        floor(
            {{ days_between("cast('2000-01-01' as date)", 'day') }} / (256 * half_life_days)
        ) as block
    from {{ relation }}

),

scaled as (

    select
        *,
        day_number / half_life_days - 256 * block as age
    from placed

),

summed as (

    select
        *,
        sum(exposure * power({{ to_double('2') }}, age)) over (
            partition by customer_id, channel, block order by day_number
            rows between unbounded preceding and current row
        ) as block_sum
    from scaled

),

-- the block before ended with this much, seen from the start of the present one
carried_over as (

    select
        *,
        max(block_sum) over (
            partition by customer_id, channel order by block
            range between 1 preceding and 1 preceding
        ) * power({{ to_double('2') }}, -256) as carry
    from summed

),

decayed_sum as (

    select
        *,
        power({{ to_double('2') }}, -age) * (block_sum + coalesce(carry, 0)) as decayed
    from carried_over

)
{%- endmacro %}
