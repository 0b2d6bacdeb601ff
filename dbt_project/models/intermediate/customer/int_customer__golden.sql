-- Golden record: of each field the most recent value a record of the customer has; hashes only.
with

records as (

    select * from {{ ref('stg_customers__records') }} where {{ is_visible('customers') }}

),

clusters as (

    select * from {{ source('scores', 'identity_clusters') }} where node_type = 'record'

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

resolved as (

    select
        coalesce(clusters.customer_id, customers.customer_id) as customer_id,
        records.*
    from records
    left join clusters on records.record_key = clusters.node_hash
    left join customers on records.signature = customers.signature

),

final as (

    select
        customer_id,
        count(*) as records,
        {{ latest_value('_row_key', 'updated_at') }} as newest_row_key,
        {% for type in identifier_types() %}
        {{ latest_value(type, 'updated_at') }} as {{ type }},
        {% endfor %}
        {{ latest_value('country', 'updated_at') }} as country,
        {{ latest_value('stated_channel', 'updated_at') }} as stated_channel,
        {{ latest_value('stated_hour', 'updated_at') }} as stated_hour,
        {{ latest_value('acquisition_channel', 'updated_at') }} as acquisition_channel,
        max(updated_at) as updated_at
    from resolved
    group by customer_id

)

select * from final
