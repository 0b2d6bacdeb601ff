{#-
    Intervals [valid_from, valid_to) of a key follow each other without overlap, none is empty, and two neighbours in the
    same states would be one.
-#}
{% test one_state_at_a_time(model, key, states) %}

with

intervals as (

    select
        *,
        {{ columns_as_text(states) }} as told,
        lead(valid_from) over (partition by {{ key | join(', ') }} order by valid_from) as next_from,
        lead({{ columns_as_text(states) }}) over (partition by {{ key | join(', ') }} order by valid_from) as next_told
    from {{ model }}

)

select
    {{ key | join(', ') }},
    valid_from
from intervals
where
    valid_to <= valid_from
    or (next_from is not null and (valid_to is null or valid_to > next_from))
    or (valid_to = next_from and next_told = told)

{% endtest %}
