{#- Nothing is lost silently: rows read = loaded + duplicates + rejected. -#}
{% test rows_reconcile(model) %}

select *
from {{ model }}
where batches_failed = 0 and rows_read <> rows_loaded + rows_duplicate + rows_rejected

{% endtest %}
