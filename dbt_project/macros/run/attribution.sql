{#- Share of a step under the U-shaped rule: first and last take theirs, those between share the rest. -#}
{% macro position_share(step_number, n) -%}
    {%- set first = var('position_first_share') -%}
    {%- set last = var('position_last_share') -%}
    case
        when {{ n }} = 1 then 1
        when {{ n }} = 2 and {{ step_number }} = 1 then {{ first }} / ({{ first }} + {{ last }})
        when {{ n }} = 2 then {{ last }} / ({{ first }} + {{ last }})
        when {{ step_number }} = 1 then {{ first }}
        when {{ step_number }} = {{ n }} then {{ last }}
        else (1 - {{ first }} - {{ last }}) / ({{ n }} - 2)
    end
{%- endmacro %}

{#-
    pre_hook of the credits: customers who converted in a month whose fitted weights are others than those used
    count as touched.
-#}
{% macro log_changed_weights() -%}
    {%- if execute and is_incremental() -%}
    {{ prune_changes('attribution_weight') }}
    insert into {{ change_table('customer_changes') }}
        (producer, change_id, customer_id, changed_from, touch_from)
    select
        'attribution_weight',
        {{ next_change('attribution_weight') }},
        used.customer_id,
        min(used.converted_at),
        min(used.converted_at)
    from {{ this }} as used
    left join (
        select distinct month, weights_key from {{ ref('int_attribution__weights') }}
    ) as fitted on {{ month_of('used.converted_on') }} = fitted.month
    where {{ differs('used.weights_key', 'fitted.weights_key') }}
    group by used.customer_id
    {%- endif -%}
{%- endmacro %}

{#- First day of the attribution window that ends at the business date. -#}
{% macro attribution_window_start() -%}
    {{ add_days(as_of_date(), -1 * var('attribution_window_days') + 1) }}
{%- endmacro %}

{#- Credit of a step: its share, the last step taking what the others leave. -#}
{% macro credit_to_one(share) -%}
    case
        when step_number = steps
            then greatest(1 - (sum({{ share }}) over (partition by conversion_id) - {{ share }}), 0)
        else {{ share }}
    end
{%- endmacro %}
