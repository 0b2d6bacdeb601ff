{#- Models of credits: those of attribution_models, one for each line of position_rules, one for each of weighted_models. -#}
{% macro attribution_models() -%}
    {%- set models = var('attribution_models') | list -%}
    {%- for model in (var('position_rules') | list) + (var('weighted_models') | list) -%}
        {%- do models.append(model) if model not in models -%}
    {%- endfor -%}
    {%- set known = rule_models() + (var('position_rules') | list) + (var('weighted_models') | list) -%}
    {%- for model in models if model not in known -%}
        {%- do exceptions.raise_compiler_error(
            "dbt variable attribution_models names '" ~ model ~ "', which no rule makes: the models are "
            ~ known | join(', ') ~ '; a line of position_rules or weighted_models makes another'
        ) -%}
    {%- endfor -%}
    {{ return(models) }}
{%- endmacro %}

{#- Models int_attribution__credits has a formula for. -#}
{% macro rule_models() -%}
    {{ return([
        'first', 'last', 'last_non_direct', 'linear', 'time_decay', 'same_touch', 'participation', 'shapley',
        'shapley_ordered', 'markov', 'markov_shapley', 'time_to_conversion'
    ]) }}
{%- endmacro %}

{#- What the credits depend on beside journeys and fitted weights: changed here, they are computed again. -#}
{% macro attribution_rules_text() -%}
    {%- set rules = [] -%}
    {%- for name in [
        'position_rules', 'weighted_models', 'time_decay_half_life_days', 'same_touch_minutes', 'conversion_age_hours'
    ] -%}
        {%- do rules.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    {{ return((rules + attribution_models()) | join(';') | replace("'", '"')) }}
{%- endmacro %}

{#- Share of a step under a positional rule: first and last take theirs, those between share the rest. -#}
{% macro position_share(step_number, n, shares) -%}
    {%- set first, last = shares -%}
    {%- set first_of_two = first / (first + last) if first + last > 0 else 0.5 -%}
    case
        when {{ n }} = 1 then 1
        when {{ n }} = 2 and {{ step_number }} = 1 then {{ to_double(first_of_two) }}
        when {{ n }} = 2 then 1 - {{ to_double(first_of_two) }}
        when {{ step_number }} = 1 then {{ first }}
        when {{ step_number }} = {{ n }} then {{ last }}
        else (1 - {{ first }} - {{ last }}) / ({{ n }} - 2)
    end
{%- endmacro %}

{#- Share of a weight among the weights of the conversion; equal shares where all of them are 0. -#}
{% macro weight_share(model) -%}
    case when {{ model }}_total > 0 then {{ model }}_weight / {{ model }}_total else 1 / n end
{%- endmacro %}

{#- Aggregates: the hazards of the age bins of time_to_conversion, a column a bin; bin i is of ages from edge i on. -#}
{% macro hazard_columns() -%}
    {%- for bin in range(var('conversion_age_hours') | length + 1) %}
        max(case when model = 'time_to_conversion' and place = '{{ bin }}' then weight end) as hazard_{{ bin }},
    {%- endfor %}
{%- endmacro %}

{#- The hazard of a touch that old. -#}
{% macro hazard_at(hours, relation) -%}
    case
        {%- for edge in var('conversion_age_hours') %}
        when {{ hours }} < {{ edge }} then {{ relation }}.hazard_{{ loop.index0 }}
        {%- endfor %}
        else {{ relation }}.hazard_{{ var('conversion_age_hours') | length }}
    end
{%- endmacro %}

{#-
    pre_hook of the credits: customers who converted in a month whose weights or rules are others than those used
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
    cross join (
        select weights_key from {{ ref('int_attribution__weight_keys') }} where month is null
    ) as unfitted
    left join {{ ref('int_attribution__weight_keys') }} as fitted
        on {{ month_of('used.converted_on') }} = fitted.month
    where {{ differs('used.weights_key', 'coalesce(fitted.weights_key, unfitted.weights_key)') }}
    group by used.customer_id
    {%- endif -%}
{%- endmacro %}

{#- First day of the attribution window that ends at the business date. -#}
{% macro attribution_window_start() -%}
    {{ add_days(as_of_date(), -1 * var('attribution_window_days') + 1) }}
{%- endmacro %}

{#- post_hook: of the days before the newest so many only the last of each month stays. -#}
{% macro keep_month_ends(days) -%}
    delete from {{ this }}
    where
        as_of <= {{ add_days(as_of_date(), -1 * days) }}
        and {{ month_of(add_days('as_of', 1)) }} = {{ month_of('as_of') }}
{%- endmacro %}

{#- Credit of a step: its share, the last step taking what the others leave. -#}
{% macro credit_to_one(share) -%}
    case
        when step_number = steps
            then greatest(1 - (sum({{ share }}) over (partition by conversion_id) - {{ share }}), 0)
        else {{ share }}
    end
{%- endmacro %}

{#- The column of a model in int_attribution__credits. Those of one step, or of each channel, need no rounding. -#}
{% macro credit_column(model) -%}
    {%- if model in ['first', 'last', 'last_non_direct', 'same_touch', 'participation'] -%}
        {{ model }}
    {%- else -%}
        {{ credit_to_one(model) }}
    {%- endif -%}
{%- endmacro %}

{#- The columns of all models. -#}
{% macro credit_columns() -%}
    {%- for model in attribution_models() %}
        {{ credit_column(model) }} as credit_{{ model }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Sums of what is handed out, conversions and revenue of each model. -#}
{% macro credit_totals() -%}
    {%- for model in attribution_models() %}
        coalesce(sum({{ credit_handed_out(model) }}), 0) as {{ model }}_conversions,
        coalesce(sum(({{ credit_handed_out(model) }}) * value), 0) as {{ model }}_revenue{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What a row of int_attribution__credits hands out: with same_touch also what is left to the place of sale. -#}
{% macro credit_handed_out(model) -%}
    {%- if model == 'same_touch' -%}
        credit_same_touch + (case when step_number = steps then 1 - credit_same_touch else 0 end)
    {%- else -%}
        credit_{{ model }}
    {%- endif -%}
{%- endmacro %}

{#- Aggregate condition on the credits of a conversion: a model not listed in `exempt` does not hand out 1. -#}
{% macro any_model_is_off(tolerance) -%}
    {%- for model in attribution_models() %}
    {{ 'or ' if not loop.first }}(
        abs(sum({{ credit_handed_out(model) }}) - 1) > {{ tolerance }}
        and '{{ model }}' not in (select exempt.model from exempt)
    )
    {%- endfor %}
{%- endmacro %}

{#- Ends of an interval, within 0 and the whole. -#}
{% macro interval_low(estimate, variance) -%}
    greatest({{ estimate }} - {{ var('interval_z') }} * sqrt({{ variance }}), 0)
{%- endmacro %}

{% macro interval_high(estimate, variance, whole) -%}
    greatest(least({{ estimate }} + {{ var('interval_z') }} * sqrt({{ variance }}), {{ whole }}), {{ estimate }})
{%- endmacro %}

{#- Columns of attributed conversions and revenue, for columns_of. -#}
{% macro credit_measures() -%}
    {{ return([
        'conversions', 'conversions_low', 'conversions_high', 'revenue', 'revenue_low', 'revenue_high'
    ]) }}
{%- endmacro %}

{#- Return on cost and cost of a conversion with the intervals of `relation`'s revenue and conversions. -#}
{% macro cost_ratios(relation, cost) -%}
    {{ relation }}.revenue / nullif({{ cost }}, 0) as roas,
    {{ relation }}.revenue_low / nullif({{ cost }}, 0) as roas_low,
    {{ relation }}.revenue_high / nullif({{ cost }}, 0) as roas_high,
    nullif({{ cost }}, 0) / nullif({{ relation }}.conversions, 0) as cpa,
    nullif({{ cost }}, 0) / nullif({{ relation }}.conversions_high, 0) as cpa_low,
    nullif({{ cost }}, 0) / nullif({{ relation }}.conversions_low, 0) as cpa_high
{%- endmacro %}
