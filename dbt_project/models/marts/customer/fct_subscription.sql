-- One row a subscription, as its newest term by the run's day says; a term that begins later is
-- not known yet. A term is over once it ended and nobody renewed it: at once if it was cancelled,
-- else after subscription_grace_days, for renewals are paid late.
{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

terms as (

    select * from {{ ref('stg_subscriptions__terms') }}
    where
        {{ is_visible('subscriptions') }}
        and starts_on <= {{ as_of_date() }}
        and starts_on <= ends_on

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

owned as (

    select
        terms.subscription_id,
        terms.plan,
        terms.currency,
        terms.amount,
        terms.starts_on,
        terms.ends_on,
        case
            when terms.cancelled_on <= {{ as_of_date() }} then terms.cancelled_on
        end as cancelled_on,
        terms._delivered_on,
        terms._row_key,
        {{ customer_of('terms') }}
    from terms
    left join customers on {{ is_customer_of('terms', 'starts_at') }}

),

-- one term told by two sources is one term, as the later delivery tells it
told as (

    select
        *,
        row_number() over (
            partition by subscription_id, starts_on order by _delivered_on desc, _row_key asc
        ) as delivery
    from owned

),

ranked as (

    select
        *,
        row_number() over (partition by subscription_id order by starts_on desc) as place,
        count(*) over (partition by subscription_id) as terms,
        min(starts_on) over (partition by subscription_id) as started_on
    from told
    where delivery = 1

),

final as (

    select
        subscription_id,
        customer_id,
        plan,
        started_on,
        cast(terms as integer) as terms,
        starts_on as term_starts_on,
        ends_on,
        {{ days_between('starts_on', 'ends_on') }} + 1 as term_days,
        cancelled_on,
        ends_on < {{ as_of_date() }} and (
            cancelled_on is not null
            or {{ add_days('ends_on', var('subscription_grace_days')) }} < {{ as_of_date() }}
        ) as is_ended,
        amount,
        currency
    from ranked
    where place = 1

)

select * from final
