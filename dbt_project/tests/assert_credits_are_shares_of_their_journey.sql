-- A credit is between 0 and 1, and belongs to a step before the conversion and within the lookback.
{{ config(tags=['after_scores']) }}

select
    conversion_id,
    step_number
from {{ ref('int_attribution__credits') }}
where
    occurred_at > converted_at
    or (
        touchpoint_id is not null
        and occurred_at
        < {{ dbt.dateadd('day', -1 * var('lookback_days'), 'converted_at') }}
    )
    {% for model in attribution_models() %}
    or credit_{{ model }} is null
    or credit_{{ model }} < 0
    or credit_{{ model }} > 1 + 1e-12
    {% endfor %}
