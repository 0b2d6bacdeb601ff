-- State at the newest business date with tolerances. Pr(over) rises with R = index / tolerance as
-- R^k / (1 + R^k); a channel is measured against the share of the tolerance that it has of
-- everybody's pressure.
{{ config(
    tags=['after_scores'],
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

pressure as (

    select * from {{ ref('int_pressure__index') }}

),

tolerances as (

    select * from {{ source('scores', 'pressure_tolerance') }}
    where as_of = {{ newest_as_of('pressure_tolerance') }}

),

typical as (

    select
        coalesce({{ median('tolerance') }}, {{ var('default_tolerance') }}) as tolerance
    from tolerances

),

channels as (

    select * from {{ ref('dim_channel') }}

),

totals as (

    select
        channel,
        sum(pressure_index) as pressure_index
    from pressure
    group by channel

),

everything as (

    select pressure_index from totals where channel = 'all'

),

channel_shares as (

    select
        totals.channel,
        greatest(
            {{ share('totals.pressure_index', 'everything.pressure_index') }},
            {{ var('least_channel_share') }}
        ) as tolerance_share
    from totals
    cross join everything

),

measured as (

    select
        pressure.customer_id,
        pressure.channel,
        pressure.pressure_index,
        greatest(
            coalesce(tolerances.tolerance, typical.tolerance)
            * coalesce(channel_shares.tolerance_share, 1),
            1e-6
        ) as tolerance,
        coalesce(tolerances.basis, 'default') as basis,
        pressure.last_contact_on,
        channels.weekly_cap,
        channels.persistence_days
    from pressure
    cross join typical
    left join tolerances on pressure.customer_id = tolerances.customer_id
    left join channel_shares on pressure.channel = channel_shares.channel
    left join channels on pressure.channel = channels.channel

),

-- the logarithm keeps the powers within bounds
compared as (

    select
        *,
        least(greatest(
            {{ var('pressure_sharpness') }} * ln(greatest(pressure_index, 1e-9) / tolerance), -500
        ), 500) as log_odds
    from measured

),

rated as (

    select
        *,
        1 / (1 + exp(-log_odds)) as probability_over
    from compared

),

stated as (

    select
        *,
        case
            when probability_over > {{ var('pressure_over_probability') }} then 'over'
            when pressure_index < tolerance * {{ var('pressure_under_ratio') }} then 'under'
            else 'balanced'
        end as state
    from rated

),

planned as (

    select
        *,
        case
            when state <> 'over' then {{ as_of_date() }}
            else {{ add_days(as_of_date(), "cast(ceil(least("
            ~ "coalesce(persistence_days, 3) * ln(pressure_index / tolerance) / ln(2), 365"
            ~ ")) as integer)") }}
        end as next_contact_on
    from stated

),

final as (

    select
        {{ as_of_date() }} as as_of,
        customer_id,
        channel,
        pressure_index as index,
        tolerance,
        cast(state as {{ dbt.type_string() }}) as state,
        case when state = 'over' then probability_over else 1 - probability_over end as probability,
        cast(basis as {{ dbt.type_string() }}) as basis,
        case state
            when 'over' then 'over_cut_channel'
            when 'under' then 'under_add_contact'
            else 'balanced_hold'
        end as action_code,
        last_contact_on,
        {{ business_midnight('next_contact_on') }} as next_contact_at
    from planned

)

select * from final
