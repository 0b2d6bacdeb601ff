{#-
    A query that gives the pressure of every customer and channel at the end of a day (a SQL date, of the past or the
    future): the last row of fct_pressure_daily up to it, decayed; 'all' is the sum over channels. For an analyst:

        dbt show --inline "select * from ({{ pressure_on("cast('2025-02-14' as date)") }}) as pressure"

    `contacts`: another relation of the columns of fct_pressure_daily.
-#}
{% macro pressure_on(day, contacts=none) -%}
{%- set sums = decayed_contacts() -%}
    select
        customer_id,
        channel,
        last_contact_on,
        {{ sums | join(', ') }},
        pressure_index
    from (
        {%- for channel in ['channel', "'all'"] %}
        select
            customer_id,
            {{ channel }} as channel,
            max(last_contact_on) as last_contact_on,
            {%- for name in sums %}
            sum({{ name }}) as {{ name }},
            {%- endfor %}
            sum(pressure_index) as pressure_index
        from (
            select
                customer_id,
                channel,
                day as last_contact_on,
                {%- for name, sum in sums.items() %}
                {{ name }} * {{ decay(days_between('day', day), sum.half_life) }}
                    as {{ name }},
                {%- endfor %}
                index * {{ decay(days_between('day', day), 'half_life_days') }} as pressure_index
            from (
                select
                    *,
                    row_number() over (partition by customer_id, channel order by day desc) as recency
                from {{ contacts or ref('fct_pressure_daily') }}
                where day <= {{ day }}
            ) as up_to_then
            where recency = 1
        ) as each
        group by customer_id{{ ', channel' if channel == 'channel' }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as pressure
{%- endmacro %}
