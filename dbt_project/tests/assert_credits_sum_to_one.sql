-- For each conversion and model the credits sum to 1, to 12 decimals; what same_touch leaves over
-- is the place of sale's. Models whose label says so are exempt.
{{ config(tags=['after_scores']) }}

with

exempt as (

    select model from {{ ref('model_labels') }} where not sums_to_one

),

credits as (

    select * from {{ ref('int_attribution__credits') }}
    where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}

)

select conversion_id
from credits
group by conversion_id
having {{ any_model_is_off('1e-12') }}
