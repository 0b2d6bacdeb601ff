-- Every sign has its actions for both severities, every state and band of churn risk the normal one
-- and a refusal its own; every action for a sign belongs to one that is known.
{{ config(tags=['core']) }}

with

plans as (

    select * from {{ ref('dim_action_plan') }}

),

wanted as (

    {%- for severity in ['normal', 'high'] %}
    select
        sign as applies_when,
        '{{ severity }}' as severity
    from {{ ref('sign_labels') }}
    union all
    {%- endfor %}
    {%- for state in ['under', 'balanced', 'over', 'refused', 'low', 'medium', 'high', 'lost'] %}
    select
        '{{ state }}' as applies_when,
        'normal' as severity
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    wanted.applies_when,
    wanted.severity,
    plans.action_code
from wanted
full join plans
    on wanted.applies_when = plans.applies_when and wanted.severity = plans.severity
where
    plans.action_code is null
    or (wanted.applies_when is null and plans.applies_to = 'sign')
