-- How each declared campaign targets and what it says; a campaign declared or changed later touches
-- the days on which it was seen.
-- depends_on: {{ ref('int_touchpoint__daily') }}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key='campaign_id',
    meta={'changes': {'in': [
        {'relation': 'int_touchpoint__daily', 'key': 'campaign_id', 'day': 'day'},
    ]}},
    indexes=[{'columns': ['campaign_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

campaigns as (

    select * from {{ ref('stg_campaigns__campaigns') }} where campaign_id is not null

),

final as (

    select
        campaign_id,
        targeting,
        content
    from campaigns

)

select * from final
