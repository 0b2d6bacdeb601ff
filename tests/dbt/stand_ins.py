"""The simplest stages between the dbt layers: enough to build all models, a function of the data alone."""

from __future__ import annotations

import pyarrow as pa

from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.warehouse.connect import Warehouse

SCORED = (
    "identity_nodes", "identity_clusters", "attribution_weight", "pressure_tolerance", "pressure_state", "churn_customer"
)  # fmt: skip


def identify(warehouse: Warehouse) -> None:
    """Customers are the connected components of the links, named by their smallest identifier."""
    nodes = [
        (row["identifier_type"], row["value_hash"])
        for row in warehouse.rows("select identifier_type, value_hash from intermediate.int_identity__identifiers")
    ]
    parent = {node: node for node in nodes}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for link in warehouse.rows(
        "select left_type, left_hash, right_type, right_hash from intermediate.int_identity__links"
    ):
        left, right = root((link["left_type"], link["left_hash"])), root((link["right_type"], link["right_hash"]))
        parent[max(left, right)] = min(left, right)
    records = [
        ("record", row["record_key"], next(((kind, row[kind]) for kind in IDENTIFIER_TYPES if row[kind]), None))
        for row in warehouse.rows("select * from intermediate.int_identity__records")
    ]
    run = warehouse.rows("select run_id, as_of from ops.run_context")[0]
    shared = {"as_of": run["as_of"], "run_id": run["run_id"]}
    _refill(
        warehouse,
        "scores.identity_nodes",
        [
            {"identifier_type": kind, "value_hash": value, "node_hash": value, "is_usable": True} | shared
            for kind, value in nodes
        ],
    )
    _refill(
        warehouse,
        "scores.identity_clusters",
        [
            {
                "node_type": kind,
                "node_hash": value,
                "customer_id": "c:" + ":".join(root(first)),
                "is_known": root(first)[0] != "cookie_id",
                "confidence": 1.0,
            }
            | shared
            for kind, value, first in [*((kind, value, (kind, value)) for kind, value in nodes), *records]
            if first
        ],
    )


def score(warehouse: Warehouse) -> None:
    """Attribution, tolerances, pressure and churn by formula."""
    _attribute(warehouse)
    with warehouse.transaction():
        for table in ("attribution_weight", "pressure_tolerance", *CHURN_TABLES, *PRESSURE_TABLES):
            warehouse.execute(f"delete from scores.{table}")
        warehouse.execute(PRESSURE)
        warehouse.execute(
            """
            insert into scores.attribution_weight (month, model, channel, place, weight, as_of, run_id)
            select
                month::date, model, channel, place, 0.1 + mod(channel_code + length(model || place), 7) / 10.0, r.as_of,
                r.run_id
            from ops.run_context r, seeds.channel_profiles,
                generate_series(timestamp '2025-01-01', r.as_of::timestamp, interval '1 month') month,
                (
                    values ('markov', 'any'), ('markov_shapley', 'any'), ('time_to_conversion', '0'),
                        ('time_to_conversion', '3'), ('time_to_conversion', '7')
                ) as weighted (model, place)
            """
        )
        warehouse.execute(
            """
            insert into scores.pressure_tolerance (as_of, run_id, customer_id, tolerance, engagement, basis)
            select r.as_of, r.run_id, customer_id, 2 + length(customer_id) / 20.0, 1, 'own'
            from ops.run_context r, (select distinct customer_id from intermediate.int_pressure__current) c
            """
        )
        warehouse.execute(CHURN)


# States from the index of the profile against a tolerance by name; an alert, an incident, a sign that shifted, a quiet one.
PRESSURE = """
    insert into scores.pressure_state
        (as_of, run_id, customer_id, channel, pressure_index, mean_index, tolerance, tolerance_low, tolerance_high, state,
         probability, probability_over, probability_under, severity, basis, cut_channel, last_contact_on, next_contact_on)
    with pressed as (
        select customer_id, channel, pressure_index, last_contact_on, 2 + length(customer_id) / 20.0 as tolerance
        from intermediate.int_pressure__index
        union all
        select customer_id, 'all', 0, null, 2 + length(customer_id) / 20.0 from marts.dim_customer as known
        where is_known and not exists (
            select 1 from intermediate.int_pressure__current as pressed where pressed.customer_id = known.customer_id
        )
    ), rated as (
        select
            pressed.*,
            case
                when pressure_index > tolerance then 'over' when pressure_index < tolerance / 3 then 'under'
                else 'balanced'
            end as state
        from pressed
    )
    select
        as_of, run_id, customer_id, channel, pressure_index, pressure_index, tolerance, tolerance / 2, tolerance * 2, state,
        0.7, case state when 'over' then 0.7 else 0.1 end, case state when 'under' then 0.7 else 0.2 end,
        case when pressure_index > 2 * tolerance or last_contact_on is null then 'high' else 'normal' end, 'own',
        case when state = 'over' then 'email' end, last_contact_on,
        as_of + case when state = 'over' then 3 else 0 end
    from rated, ops.run_context;

    insert into scores.pressure_signal
        (as_of, run_id, sign, channel, segment, observed, expected, effect, p_value, q_value, severity, alert, incident,
         cause, action_code, judged_on, verdict, severity_level, since, false_alarms_per_100_series_years)
    select
        as_of, run_id, sign, channel, segment, 2, 4, -0.5, 0.001, 0.01, 3, verdict = 'alert', verdict = 'incident',
        'campaign c1', action_code, as_of, verdict, 'normal', as_of - 6, 8
    from ops.run_context, (values
        ('click_rate_falls', 'email', 'all', 'alert', 'sign_click_rate'),
        ('click_rate_falls', 'email', 'device:mobile', 'incident', 'sign_click_rate'),
        ('open_rate_falls', 'email', 'all', 'shifted', 'sign_open_rate'),
        ('sales_fall', 'all', 'all', 'nothing', null)
    ) as told (sign, channel, segment, verdict, action_code);

    insert into scores.pressure_signal_driver
        (as_of, run_id, sign, channel, segment, rank, kind, driver, contribution, share, detail)
    select as_of, run_id, 'click_rate_falls', 'email', 'all', number, 'campaign', 'c' || number, 2.0 / number, null, null
    from ops.run_context, generate_series(1, 2) as number;

    insert into scores.pressure_channel
        (as_of, run_id, channel, weight, weight_low, weight_high, half_life_days, half_life_low, half_life_high,
         short_share, middle_share, long_share, tolerance_share, basis)
    select as_of, run_id, channel, pressure_weight, 0, 9, persistence_days, 0.5, 30, 0, 1, 0, 0.2, 'profile'
    from ops.run_context, seeds.channel_profiles;
"""
PRESSURE_TABLES = ("pressure_state", "pressure_signal", "pressure_signal_driver", "pressure_channel")

# Silence is the risk; e-mail drifts and whoever visited is gone to the site; everybody is best met at an hour by name.
CHURN = """
    insert into scores.churn_customer
        (as_of, run_id, customer_id, p_alive, p_active, expected_orders, expected_value, expected_loss, risk_band,
         main_reason, second_reason, third_reason, basis)
    select
        as_of, run_id, customer_id, exp(-days_since_order / 90.0), exp(-days_since_order / 30.0), 1, revenue,
        revenue * (1 - exp(-days_since_order / 90.0)),
        case when days_since_order > 60 then 'lost' when days_since_order > 30 then 'high'
            when days_since_order > 10 then 'medium' else 'low' end,
        'silence', 'fewer answers', null, 'boosted'
    from ops.run_context, intermediate.int_churn__customer;

    insert into scores.churn_parameters (as_of, run_id, model, parameter, value, low, high)
    select as_of, run_id, 'mbg_nbd', 'r', 0.5, 0.4, 0.6 from ops.run_context;

    insert into scores.churn_quality
        (as_of, run_id, model, cut, horizon_days, customers, observed_share, predicted_share, auc, auc_low, auc_high, ece,
         brier, lift)
    select as_of, run_id, model, as_of - 90, 90, 40, 0.4, 0.41, 0.78, 0.7, 0.86, 0.01, 0.2, 1.5
    from ops.run_context, (values ('risk'), ('recency')) as judged (model);

    insert into scores.churn_calibration
        (as_of, run_id, model, bin, customers, predicted, observed, observed_low, observed_high)
    select as_of, run_id, 'risk', bin, 4, bin / 10.0, bin / 10.0, bin / 20.0, 1 from ops.run_context, generate_series(1, 10) as bin;

    insert into scores.churn_drift (as_of, run_id, feature, stability_index, trained_mean, current_mean, verdict)
    select as_of, run_id, 'days_since_order', 0.02, 40, 41, 'stable' from ops.run_context;

    insert into scores.churn_signal
        (as_of, run_id, sign, channel, segment, observed, expected, effect, p_value, severity, alert, incident, cause,
         action_code, judged_on, verdict, severity_level)
    select as_of, run_id, 'churn_' || sign || '_drift', 'all', 'all', 0.3, 0.1, 0.2, 0.001, 1, sign = 'inputs', false,
        'days_since_order moved', case when sign = 'inputs' then 'sign_churn_inputs_drift' end, as_of,
        case when sign = 'inputs' then 'alert' else 'nothing' end, 'normal'
    from ops.run_context, (values ('inputs'), ('calibration')) as told (sign);

    insert into scores.channel_attrition
        (as_of, run_id, customer_id, channel, responses, recent_responses, expected_responses, silence_days, rhythm_days,
         p_disengaged, verdict, shifted_to, basis)
    select
        as_of, run_id, customer_id, channel, human_responses, 0, contacts / 10.0, as_of - last_response_on, 9,
        mod(contacts, 10) / 10.0,
        case when channel = 'email' then 'drifting' when channel = 'direct' then 'shifted' else 'active' end,
        case when channel = 'direct' then 'email' end, 'own'
    from ops.run_context, marts.dim_customer_channel
    where human_responses > 0;

    insert into scores.moment_channel
        (as_of, run_id, channel, weekday, hour, responses, exposures, expected_response)
    select
        as_of, run_id, channel, weekday, hour, sum(responses), sum(exposures),
        (sum(responses) + 0.1) / (sum(exposures) + 1)
    from ops.run_context, intermediate.int_moment__customer_hour
    group by as_of, run_id, channel, weekday, hour;

    insert into scores.moment_customer
        (as_of, run_id, customer_id, channel, weekday, hour, expected_response, usual_response, exposures, basis)
    select as_of, run_id, customer_id, channel, mod(length(customer_id), 5), 10, 0.3, 0.2, sum(exposures), 'learned'
    from ops.run_context, intermediate.int_moment__customer_hour
    group by as_of, run_id, customer_id, channel
    having sum(exposures) > 3;
"""
CHURN_TABLES = (
    "churn_customer", "churn_parameters", "churn_quality", "churn_calibration", "churn_drift", "churn_signal",
    "channel_attrition", "moment_channel", "moment_customer",
)  # fmt: skip

# Half of the conversions would have come anyway; new customers have a fit of their own; what is left is one row a table.
ATTRIBUTION = """
    insert into scores.attribution_channel
        (as_of, run_id, dimension, segment, model, channel, conversions, revenue, conversions_low, conversions_high,
         revenue_low, revenue_high, removal_effect, model_order)
    with totals as (
        select
            customer_type, is_all, count(*) as conversions, sum(value) as revenue
        from marts.fct_journey, ops.run_context, (values (true), (false)) as slices (is_all)
        where is_converted and closed_on > as_of - 90 and closed_on <= as_of and (is_all or customer_type = 'new')
        group by grouping sets ((is_all), (is_all, customer_type))
    )
    select
        as_of, run_id, case when is_all then 'all' else 'customer_type' end, coalesce(customer_type, 'all'), model,
        channel, conversions / 2.0, revenue / 2, 0, conversions, 0, revenue, null, 1
    from totals, ops.run_context,
        (values ('calibrated', '(base)'), ('calibrated', 'direct'), ('markov', 'direct'), ('markov', 'email'))
            as fitted (model, channel)
    where (is_all and customer_type is null) or (not is_all and customer_type is not null and model = 'markov');

    insert into scores.attribution_transition (as_of, run_id, from_channel, to_channel, transitions, probability)
    select as_of, run_id, '(start)', 'email', 3, 1 from ops.run_context;

    insert into scores.attribution_sequence (as_of, run_id, from_channel, to_channel, transitions, removal_effect)
    select as_of, run_id, 'email', 'direct', 3, 0.2 from ops.run_context;

    insert into scores.attribution_order (as_of, run_id, order_number, held_out_log_likelihood, bic, parameters, is_chosen)
    select as_of, run_id, number, -100 - number, 200, 10, number = 1 from ops.run_context, generate_series(0, 2) as number;

    insert into scores.attribution_change
        (as_of, run_id, model, channel, first_before, last_before, first_now, last_now, conversions_before,
         conversions_now, share_before, share_now, change, change_low, change_high, p_value, q_value, is_real,
         volume_effect, share_effect)
    select
        as_of, run_id, 'markov_shapley', 'email', as_of - 55, as_of - 28, as_of - 27, as_of, 10, 14, 0.5, 0.6, 0.1, 0.02,
        0.18, 0.01, 0.02, true, 2, 2
    from ops.run_context;

    insert into scores.attribution_experiment
        (as_of, run_id, experiment_id, channel, first_on, last_on, treated, holdout, conversions_treated,
         conversions_holdout, effect, effect_low, effect_high, incremental_conversions, incremental_conversions_low,
         incremental_conversions_high, incremental_revenue, incremental_revenue_low, incremental_revenue_high, is_complete)
    select as_of, run_id, 'x1', 'email', as_of - 20, as_of, 90, 30, 9, 2, 0.03, -0.01, 0.07, 3, -1, 7, 90, -30, 210, false
    from ops.run_context;

    insert into scores.attribution_response
        (as_of, run_id, channel, spend_day, curve, ceiling, half_spend, marginal_conversions, marginal_revenue,
         marginal_revenue_low, marginal_revenue_high, days, basis)
    select as_of, run_id, 'search_paid', 25, 'saturating', 100, 30, 0.1, 2, 1, 3, 70, 'series' from ops.run_context;

    insert into scores.attribution_budget
        (as_of, run_id, channel, current_spend, recommended_spend, current_revenue, expected_revenue, expected_low,
         expected_high, marginal_return, marginal_return_low, marginal_return_high, is_limited, basis)
    select as_of, run_id, 'search_paid', 1750, 1750, 4000, 4000, 3000, 5000, 2, 1, 3, false, 'series' from ops.run_context;
"""
ATTRIBUTION_TABLES = (
    "attribution_channel",
    "attribution_transition",
    "attribution_sequence",
    "attribution_order",
    "attribution_change",
    "attribution_experiment",
    "attribution_response",
    "attribution_budget",
)


def _attribute(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        for table in ATTRIBUTION_TABLES:
            warehouse.execute(f"delete from scores.{table}")
        warehouse.execute(ATTRIBUTION)


def _refill(warehouse: Warehouse, table: str, rows: list[dict[str, object]]) -> None:
    with warehouse.transaction():
        warehouse.execute(f"delete from {table}")
        warehouse.append(table, pa.Table.from_pylist(rows))
