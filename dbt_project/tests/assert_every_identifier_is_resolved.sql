-- Identity gives every identifier a node and every node a customer; where it did not, the
-- touchpoints of the person stand under a customer of their own ('unresolved:...').
{{ config(tags=['core'], severity='warn') }}

select
    identifiers.identifier_type,
    identifiers.value_hash
from {{ ref('int_identity__identifiers') }} as identifiers
left join {{ ref('dim_customer_identifier') }} as resolved
    on
        identifiers.identifier_type = resolved.identifier_type
        and identifiers.value_hash = resolved.value_hash
where resolved.customer_id is null
