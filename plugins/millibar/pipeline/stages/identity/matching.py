"""The matching model, and the scores of pairs with a changed record."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from millibar.identity.guards import active_guards
from millibar.identity.identify import LEAST_TO_TRAIN
from millibar.identity.matching import (
    BLOCK_COLUMNS,
    FEATURES_VERSION,
    MatchModel,
    MatchPlan,
    default_model,
    score,
    train,
)
from millibar.identity.rules import PROBABILISTIC, RECORD
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity import features
from millibar.pipeline.stages.identity.progress import Progress
from millibar.pipeline.stages.identity.rules import Rules
from millibar.pipeline.stages.identity.tables import NUMBER, TEXT, frame, upload
from millibar.pipeline.stages.scores import stamped
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

GROWTH = 2.0  # trained again when the records have become so many times as many
WHOLE_FROM = 0.3  # share of changed records from which all records are read rather than looked up

NEWEST = """
    select model_version, model::text as model, hot_blocks::text as hot_blocks, records
    from scores.identity_models where features_version = %(version)s order by trained_at desc, model_version limit 1
"""
CANDIDATES = "f.record_key in (select record_key from rescored {blocks})"
OF_BLOCK = """
    union
    select g.record_key from pii.identity_features as g
    where g.{column} in (
        select r.{column} from pii.identity_features as r inner join rescored using (record_key)
        where r.{column} is not null
            and not exists (select 1 from hot_blocks as h where h.block_column = '{column}' and h.block = r.{column})
    )
"""
PAIR = "left_node text, right_node text, score double precision, weight double precision, levels smallint[]"
# A pair too weak to put two records into one component matters only where something else does: the changed record is
# touched anyway.
MOVED = f"""
    insert into touched
    select '{RECORD}', ends.node from (
        select coalesce(old.left_node, p.left_node) as left_node, coalesce(old.right_node, p.right_node) as right_node
        from fresh_pairs as p
        full join (
            select e.* from scores.identity_edges as e where e.rule = '{PROBABILISTIC}' and ({{scope}})
        ) as old on old.left_node = p.left_node and old.right_node = p.right_node
        where old.score is distinct from p.score and greatest(old.score, p.score) >= %(floor)s
    ) as pairs
    cross join lateral (values (pairs.left_node), (pairs.right_node)) as ends (node)
"""  # noqa: S608
OUTDATED = f"""
    delete from scores.identity_edges as e
    where e.rule = '{PROBABILISTIC}' and ({{scope}})
        and not exists (select 1 from fresh_pairs as p where p.left_node = e.left_node and p.right_node = e.right_node)
"""  # noqa: S608
OF_RESCORED = f"""
    (e.left_type = '{RECORD}' and e.left_node in (select record_key from rescored))
    or (e.right_type = '{RECORD}' and e.right_node in (select record_key from rescored))
"""  # noqa: S608
STORE = f"""
    insert into scores.identity_edges as old
        (left_type, left_node, right_type, right_node, rule, score, evidence, weight, levels, model_version, status,
        reason, as_of, run_id)
    select '{RECORD}', left_node, '{RECORD}', right_node, '{PROBABILISTIC}', score, 1, weight, levels, %(version)s,
        'refused', 'below the threshold', %(as_of)s, %(run_id)s
    from fresh_pairs
    on conflict (left_type, left_node, right_type, right_node, rule) do update set
        score = excluded.score, weight = excluded.weight, levels = excluded.levels,
        model_version = excluded.model_version, as_of = excluded.as_of, run_id = excluded.run_id
    where (old.score, old.weight, old.levels, old.model_version)
        is distinct from (excluded.score, excluded.weight, excluded.levels, excluded.model_version)
"""  # noqa: S608


def current_model(warehouse: Warehouse, run: RunContext) -> tuple[MatchModel, bool]:
    """The model in force, and whether it is a new one: none before, other features, or twice the records."""
    records = int(warehouse.value("select count(*) from pii.identity_features"))
    stored = warehouse.rows(NEWEST, {"version": FEATURES_VERSION})
    if stored and (records < LEAST_TO_TRAIN or records < GROWTH * stored[0]["records"]):
        return _restored(warehouse, stored[0]), False
    if records < LEAST_TO_TRAIN:
        model = default_model()
    else:
        model = train(features.load(warehouse), MatchPlan.of_feed())
        log.info("identity model %s trained on %s records", model.version, f"{records:,}")
    is_new = not stored or stored[0]["model_version"] != model.version
    _keep(warehouse, run, model, records)
    return model, is_new


def rescore(
    warehouse: Warehouse, run: RunContext, rules: Rules, model: MatchModel, progress: Progress, floor: float
) -> int:
    """Scores of all pairs with a record in ``rescored`` (all pairs in a full run); returns how many pairs were kept."""
    changed = int(warehouse.value("select count(*) from rescored"))
    if not changed and not progress.is_full:
        return 0
    compared = _candidates(warehouse, model, changed, progress)
    is_new = None
    if not progress.is_full:
        keys = frame(warehouse, "select record_key from rescored", {"record_key": TEXT})["record_key"]
        is_new = compared["record_id"].isin(set(keys)).to_numpy(dtype=bool)
    pairs = score(compared, model, is_new)
    if progress.guards is None:
        _decide_guards(progress, compared, pairs, rules)
    names = compared["record_id"].to_numpy(dtype=object)
    rows = pa.table(
        {
            "left_node": pa.array(names[pairs["left"].to_numpy(np.int64)], pa.string()),
            "right_node": pa.array(names[pairs["right"].to_numpy(np.int64)], pa.string()),
            "score": pa.array(pairs["probability"].to_numpy(float)),
            "weight": pa.array(pairs["weight"].to_numpy(float)),
            "levels": _as_text(pairs["levels"]),
        }
    )
    upload(warehouse, "fresh_pairs", PAIR, rows)
    scope = "true" if progress.is_full else OF_RESCORED
    warehouse.execute(MOVED.format(scope=scope), {"floor": floor})
    warehouse.execute(f"insert into touched select '{RECORD}', record_key from rescored")  # noqa: S608
    warehouse.execute(OUTDATED.format(scope=scope))
    warehouse.execute(STORE, {"version": model.version, "as_of": run.as_of, "run_id": run.run_id})
    return len(pairs)


def _candidates(warehouse: Warehouse, model: MatchModel, changed: int, progress: Progress) -> pd.DataFrame:
    """The changed records and all that share a block with one, found by the indexes of the blocks."""
    records = int(warehouse.value("select count(*) from pii.identity_features"))
    if progress.is_full or changed > WHOLE_FROM * records:
        return features.load(warehouse)
    upload(warehouse, "hot_blocks", "block_column text, block bigint", model.hot_blocks)
    blocks = "".join(OF_BLOCK.format(column=column) for column in BLOCK_COLUMNS)
    return features.load(warehouse, CANDIDATES.format(blocks=blocks))


def _decide_guards(progress: Progress, compared: pd.DataFrame, pairs: pd.DataFrame, rules: Rules) -> None:
    """Which guards hold is a matter of all records: decided once with the model, then kept."""
    left, right = pairs["left"].to_numpy(np.int64), pairs["right"].to_numpy(np.int64)
    progress.guards = active_guards(compared, left, right, pairs["probability"].to_numpy(float), rules.clusters.guards)


def _as_text(levels: pd.Series) -> pa.Array:
    """Arrays as PostgreSQL reads them; few patterns of levels are distinct."""
    if levels.empty:
        return pa.array([], pa.string())
    table = np.vstack(levels.to_list()).astype(np.int8)
    packed = np.ascontiguousarray(table).view(np.dtype((np.void, table.shape[1]))).ravel()
    _, first, places = np.unique(packed, return_index=True, return_inverse=True)
    words = pa.array(["{" + ",".join(map(str, table[place].tolist())) + "}" for place in first], pa.string())
    return words.take(pa.array(places.ravel()))


def _restored(warehouse: Warehouse, row: Mapping[str, str]) -> MatchModel:
    frequencies = frame(
        warehouse,
        "select column_name, value, frequency from pii.identity_frequencies where model_version = %(version)s",
        {"column_name": TEXT, "value": TEXT, "frequency": NUMBER},
        {"version": row["model_version"]},
    )
    hot = json.loads(row["hot_blocks"])
    blocks = [(column, block) for column, blocks in hot.items() for block in blocks]
    hot_blocks = pd.DataFrame(blocks, columns=["block_column", "block"])
    return MatchModel.from_json(
        row["model"], frequencies, hot_blocks.astype({"block_column": object, "block": np.int64})
    )


def _keep(warehouse: Warehouse, run: RunContext, model: MatchModel, records: int) -> None:
    key = {"version": model.version}
    for table in ("scores.identity_models", "scores.identity_levels", "pii.identity_frequencies"):
        warehouse.execute(f"delete from {table} where model_version = %(version)s", key)  # noqa: S608
    hot = {
        str(column): [int(block) for block in blocks]
        for column, blocks in model.hot_blocks.groupby("block_column")["block"]
    }
    warehouse.execute(
        """
        insert into scores.identity_models
            (model_version, features_version, model, report, hot_blocks, records, trained_at, as_of, run_id)
        values (%(version)s, %(features)s, %(model)s, %(report)s, %(hot)s, %(records)s, clock_timestamp(), %(as_of)s,
            %(run_id)s)
        """,
        key
        | {
            "features": FEATURES_VERSION, "model": model.to_json(), "report": json.dumps(model.report, default=str),
            "hot": json.dumps(hot), "records": records, "as_of": run.as_of, "run_id": run.run_id,
        },
    )  # fmt: skip
    levels = model.comparisons()
    levels["position"] = pd.factorize(levels["comparison"])[0]
    for table, rows in (("scores.identity_levels", levels), ("pii.identity_frequencies", model.frequencies)):
        warehouse.append(table, stamped(rows.assign(model_version=model.version), run))
