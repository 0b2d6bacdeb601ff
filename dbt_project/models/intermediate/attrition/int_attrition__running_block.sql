-- The block the business date lies in, counted up to that date. When an older day is run again, the
-- other table has already counted what came after it.
{{ config(post_hook=['{{ refresh_statistics() }}']) }}

{%- set first_day = attrition_block_day(attrition_block(as_of_date())) %}

with

{{ attrition_counts(
    'where seen.occurred_on >= ' ~ first_day ~ ' and seen.occurred_on <= ' ~ as_of_date(),
    'where bought.ordered_on >= ' ~ first_day ~ ' and bought.ordered_on <= ' ~ as_of_date()
) }},

final as (

    select * from counted

)

select * from final
