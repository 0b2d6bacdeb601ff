{#-
    An amount in the reporting currency. A source that says no currency is taken to speak the reporting one; a currency
    without a rate gives null, which a test reports.
-#}
{% macro in_reporting_currency(amount, currency, rate) -%}
    cast(
        {{ amount }} * case
            when {{ currency }} is null or upper({{ currency }}) = '{{ var("reporting_currency") }}' then 1
            else {{ rate }}
        end as numeric(18, 4)
    )
{%- endmacro %}

{#- Join condition to stg_seeds__exchange_rates (as `rates`). -#}
{% macro rate_applies(currency, day) -%}
    upper({{ currency }}) = rates.currency
    and {{ day }} >= rates.valid_from
    and {{ day }} < coalesce(rates.valid_before, cast('9999-12-31' as date))
{%- endmacro %}
