-- Running subscriptions and the chance that each is renewed when its term ends, at the newest
-- business date scored. Empty where no feed delivers subscriptions.
{{ config(
    tags=['after_scores'],
    indexes=[{'columns': ['subscription_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

scored as (

    select * from {{ source('scores', 'contract') }}
    where as_of = {{ newest_as_of('contract') }}

),

subscriptions as (

    select * from {{ ref('fct_subscription') }}

),

final as (

    select
        scored.as_of,
        scored.subscription_id,
        subscriptions.customer_id,
        subscriptions.plan,
        subscriptions.started_on,
        scored.terms,
        scored.ends_on,
        subscriptions.cancelled_on,
        scored.p_renewal,
        scored.expected_terms,
        scored.expected_value,
        {{ to_double('subscriptions.amount') }} as amount,
        (1 - scored.p_renewal)
        * coalesce({{ to_double('subscriptions.amount') }}, 0) as expected_loss,
        scored.basis
    from scored
    inner join subscriptions on scored.subscription_id = subscriptions.subscription_id

)

select * from final
