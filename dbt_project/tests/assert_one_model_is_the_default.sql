-- BI shows one model first.
{{ config(tags=['staging']) }}

select count(*) as defaults
from {{ ref('model_labels') }}
where is_default
having count(*) <> 1
