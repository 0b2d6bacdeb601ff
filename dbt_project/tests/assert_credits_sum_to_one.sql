-- For each conversion and model the credits sum to 1, to 12 decimals.
{{ config(tags=['after_scores']) }}

select
    conversion_id,
    model,
    sum(credit) as credit
from {{ ref('fct_attributed_touchpoint') }}
where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}
group by conversion_id, model
having abs(sum(credit) - 1) > 1e-12
