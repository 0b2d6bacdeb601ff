-- A retired id leads straight to a customer who lives: it is nobody's id, and no chain goes on or
-- comes back.
{{ config(tags=['core']) }}

with

aliases as (

    select * from {{ ref('customer_alias') }}

),

living as (

    select customer_id from {{ ref('dim_customer') }}

)

select
    aliases.alias_id,
    aliases.customer_id,
    aliases.chain
from aliases
left join living on aliases.alias_id = living.customer_id
left join aliases as onward on aliases.customer_id = onward.alias_id
where
    living.customer_id is not null
    or onward.alias_id is not null
    or aliases.chain not like aliases.alias_id || ' > %'
    or aliases.chain not like '% > ' || aliases.customer_id
