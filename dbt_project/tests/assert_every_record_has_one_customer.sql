-- Every CRM record the run may see is in exactly one customer now, and no other record is in any.
{{ config(tags=['core']) }}

with

records as (

    select record_key from {{ ref('int_identity__records') }}

),

placed as (

    select record_key from {{ ref('identity_crosswalk') }} where is_current

)

select
    coalesce(records.record_key, placed.record_key) as record_key,
    count(records.record_key) as records,
    count(placed.record_key) as customers
from records
full join placed on records.record_key = placed.record_key
group by coalesce(records.record_key, placed.record_key)
having count(records.record_key) <> 1 or count(placed.record_key) <> 1
