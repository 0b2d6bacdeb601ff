"""Build the model `millibar identify` takes for files of few records, from a simulated market.

millibar simulate --customers 20000 --landing LANDING --truth TRUTH --effect-sample 0
python tests/benchmarks/build_default_model.py LANDING TRUTH plugins/millibar/identity/matching/default_model.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from market_records import market_records

from millibar.identity.identify import quarantine
from millibar.identity.matching import MatchPlan, prepare, train
from millibar.identity.matching.model import MatchModel, no_hot_blocks, report_levels
from millibar.identity.rules import IdentityRules

# In a file of few records nobody knows how common a name is: a value that is not listed counts as one of these.
FLOORS = {"given_name": 0.005, "family_name": 0.001, "name_key": 3e-5, "birth_date": 1 / 20_000}
FLOORS |= {"postal_code": 0.002, "city": 0.005}
LEAST_LISTED = 0.001


def main() -> None:
    landing, truth, output = map(Path, sys.argv[1:])
    plan = MatchPlan.of_feed()
    records = market_records(landing, truth)
    features, _ = quarantine(prepare(records, plan, IdentityRules()).features)
    trained = train(features, plan)
    settings = trained.settings | {"floors": trained.settings["floors"] | FLOORS}
    listed = trained.frequencies
    listed = listed[listed["column_name"].isin(["given_name", "family_name"]) & (listed["frequency"] > LEAST_LISTED)]
    listed = listed.assign(frequency=listed["frequency"].round(6))
    report = trained.report | {"levels": report_levels(settings), "trained_from": "a simulated market"}
    model = MatchModel.frozen(plan, settings, report, listed, no_hot_blocks())
    told = {
        "model": json.loads(model.to_json()),
        "frequencies": {
            column: dict(zip(group["value"], group["frequency"], strict=True))
            for column, group in model.frequencies.groupby("column_name")
        },
    }
    output.write_text(json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
