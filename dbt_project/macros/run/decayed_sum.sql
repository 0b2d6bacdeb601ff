{#-
    What is kept of the contacts of a customer and channel: column -> half-life it decays with, and the block of time its
    sum is carried in. Learned half-lives and weights mix the first three when they are read, so nothing is computed again
    when they change; the last one is the memory states are told from (var pressure_memory_days, an exponential mean).
-#}
{% macro decayed_contacts() -%}
    {{ return({
        'decayed_half': {'half_life': '(0.5 * half_life_days)', 'block': 'profile'},
        'decayed': {'half_life': 'half_life_days', 'block': 'profile'},
        'decayed_double': {'half_life': '(2 * half_life_days)', 'block': 'profile'},
        'decayed_memory': {'half_life': memory_half_life(), 'block': 'memory'},
    }) }}
{%- endmacro %}

{#- Half-life of the exponential mean over so many days, in days. -#}
{% macro memory_half_life() -%}
    (ln({{ to_double('2') }}) / -ln(1 - {{ to_double('1') }} / {{ var('pressure_memory_days') }}))
{%- endmacro %}

{#-
    CTEs that give the decayed sums of exposures by customer and channel without recursion, for all of decayed_contacts().

    With days t_1 < t_2 < ... and half-life h the sum is 2^(-t_k/h) * sum over j <= k of e_j 2^(t_j/h), whose terms
    overflow after some years. So time is cut into blocks, of 128 half-lives of the profile or of the memory (one sort
    serves all sums of a block): inside a block the powers stay below 2^256, the block before is carried over exactly, and
    what lies two blocks back is below 2^-64 of a contact, where a row of the table holds one contact at least.

    Reads `relation` (customer_id, channel, day, half_life_days, <column>_exposure for each column, ...); the last CTE is
    `decayed_sum`: all its columns, and the columns and day_number.
-#}
{% macro decayed_sum(relation) -%}
{%- set sums = decayed_contacts() -%}
{%- set blocks = {'profile': '(128 * half_life_days)', 'memory': '(128 * ' ~ memory_half_life() ~ ')'} -%}
numbered as (

    select
        *,
        {{ days_between("cast('2000-01-01' as date)", 'day') }} as day_number
    from {{ relation }}

),

placed as (

    select
        *,
        {%- for block, length in blocks.items() %}
        floor(day_number / {{ length }}) as {{ block }}_block,
        day_number - {{ length }} * floor(day_number / {{ length }}) as {{ block }}_age
        {{- ',' if not loop.last }}
        {%- endfor %}
    from numbered

),

summed as (

    select
        *,
        {%- for name, sum in sums.items() %}
        sum({{ name }}_exposure * power({{ to_double('2') }}, {{ sum.block }}_age / {{ sum.half_life }})) over (
            partition by customer_id, channel, {{ sum.block }}_block order by day_number
            rows between unbounded preceding and current row
        ) as {{ name }}_sum{{ ',' if not loop.last }}
        {%- endfor %}
    from placed

),

-- the block before ended with this much, seen from the start of the present one
carried_over as (

    select
        *,
        {%- for name, sum in sums.items() %}
        max({{ name }}_sum) over (
            partition by customer_id, channel order by {{ sum.block }}_block
            range between 1 preceding and 1 preceding
        ) * power({{ to_double('2') }}, -{{ blocks[sum.block] }} / {{ sum.half_life }})
            as {{ name }}_carry{{ ',' if not loop.last }}
        {%- endfor %}
    from summed

),

decayed_sum as (

    select
        *,
        {%- for name, sum in sums.items() %}
        power({{ to_double('2') }}, -{{ sum.block }}_age / {{ sum.half_life }})
        * ({{ name }}_sum + coalesce({{ name }}_carry, 0)) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from carried_over

)
{%- endmacro %}
