"""`millibar churn`: one file of orders in, scores and measures out; every odd base gets an answer."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.churn.command import horizon_days
from millibar.command import main

FIRST = date(2024, 1, 1)
COLUMNS = ["customer_id", "p_active", "p_alive", "expected_orders", "expected_value", "band", "reasons", "basis"]


def shop(customers: int, days: int, seed: int = 3, leaving: float = 1 / 200) -> pd.DataFrame:
    """Customers who come on any day, buy at a rate of their own and leave unseen; ``leaving``: a day."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        day, rate = int(random.integers(0, days // 2)), random.gamma(1.5, 1 / 45)
        last = day + random.exponential(1 / leaving) if leaving else np.inf
        while day < days and day <= last:
            rows.append((f"c{customer:05}", FIRST + timedelta(days=day), round(random.gamma(3, 12), 2)))
            day += 1 + int(random.exponential(1 / rate))
    return pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])


def run(tmp_path: Path, orders: pd.DataFrame, *words: str) -> tuple[pd.DataFrame, dict]:
    source, scores, told = tmp_path / "orders.csv", tmp_path / "scores.csv", tmp_path / "told.json"
    orders.to_csv(source, index=False)
    assert main(["churn", str(source), "-o", str(scores), "--json", str(told), *words]) == 0
    table = pd.read_csv(scores, dtype={"customer_id": str}, keep_default_na=False)
    assert table.columns.tolist() == COLUMNS
    numbers = table[["p_active", "p_alive", "expected_orders", "expected_value"]].astype(float)
    assert np.isfinite(numbers.to_numpy()).all()
    assert ((numbers >= 0).all()).all()
    assert (numbers["p_active"] <= numbers["p_alive"] + 1e-12).all()
    assert (numbers["p_alive"] <= 1).all()
    assert (numbers["p_active"] <= numbers["expected_orders"] + 1e-9).all()
    assert set(table["band"]) <= {"low", "medium", "high", "lost"}
    return table.set_index("customer_id"), json.loads(told.read_text())


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return shop(1_500, 500)


@pytest.fixture(scope="module")
def cdnow(reference_data: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return pd.read_csv(
        reference_data / "cdnow" / "CDNOW_master.txt", sep=r"\s+", skiprows=1,
        names=["customer_id", "ordered_at", "cds", "amount"], dtype={"customer_id": str, "ordered_at": str},
    )  # fmt: skip


@pytest.mark.slow
def test_cdnow(cdnow: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bar: 23,570 customers, cut 1997-09-30, 13 weeks: AUC .777 and more, calibration error .012 and less."""
    scores, told = run(tmp_path, cdnow, "--cut", "1997-09-30", "--horizon", "13w")
    assert len(scores) == 23_570
    assert scores["reasons"].str.len().min() > 0
    holdout = told["holdout"]
    assert holdout["cut"] == "1997-09-30"
    assert holdout["p_active"]["ranking"]["auc"] >= 0.777
    assert holdout["p_active"]["ece"] <= 0.012
    assert holdout["p_active"]["ranking"]["auc"] > holdout["p_active"]["baseline"]["auc"]
    assert holdout["mbg_nbd"]["ranking"]["auc"] == pytest.approx(0.768, abs=0.001)
    printed = capsys.readouterr().out
    for word in ("mbg_nbd", "gamma_gamma", "95 % interval", "AUC", "ECE", "Brier", "lift", "days since the last order"):
        assert word in printed
    assert f"{holdout['p_active']['ranking']['auc']:.4f}" in printed


def test_a_market(market: pd.DataFrame, tmp_path: Path) -> None:
    scores, told = run(tmp_path, market)
    assert set(scores.index) == set(market["customer_id"])
    assert told["cut"] == str(market["ordered_at"].max())
    assert told["holdout"]["cut"] == str(market["ordered_at"].max() - timedelta(days=91))
    assert 0.6 < told["holdout"]["p_active"]["ranking"]["auc"] < 1
    (rhythm,) = {"mbg_nbd", "pareto_nbd"} & set(told["parameters"])
    assert told["parameters"][rhythm]["fitted"]
    for name, value in told["parameters"][rhythm]["values"].items():
        low = told["parameters"][rhythm]["low"][name]
        assert low is None or low < value < told["parameters"][rhythm]["high"][name]
    newest = market.groupby("customer_id")["ordered_at"].max()
    by_silence = scores["p_active"].groupby(newest < market["ordered_at"].max() - timedelta(days=200)).mean()
    assert by_silence[True] < by_silence[False] / 2


def test_nothing_after_the_cut_is_used(market: pd.DataFrame, tmp_path: Path) -> None:
    """Scores as of a day are the same with what follows it, without it, and with other orders in its place."""
    cut = FIRST + timedelta(days=380)
    known = market[market["ordered_at"] <= cut]
    later = market[market["ordered_at"] > cut]
    changed = pd.concat([known, later.assign(amount=9_999.0), later.assign(ordered_at=cut + timedelta(days=1))])
    tables = [run(tmp_path, orders, "--cut", str(cut))[0] for orders in (market, known, changed)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])
    without, with_later = run(tmp_path, known, "--cut", str(cut))[1], run(tmp_path, market, "--cut", str(cut))[1]
    assert with_later["holdout"]["cut"] == str(cut)
    assert without["holdout"]["cut"] == str(cut - timedelta(days=91))


def test_rows_in_any_order_give_the_same(market: pd.DataFrame, tmp_path: Path) -> None:
    first, _ = run(tmp_path, market)
    second, _ = run(tmp_path, market.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, second)


def test_odd_customers_in_a_market(market: pd.DataFrame, tmp_path: Path) -> None:
    """Once only, all on one day, returns larger than orders, back after two years, hostile ids."""
    last = market["ordered_at"].max()
    odd = pd.DataFrame(
        [
            ("once", last - timedelta(days=5), 30.0),
            *[("one day", last - timedelta(days=9), 10.0)] * 4,
            ("sends back", last - timedelta(days=40), 50.0),
            ("sends back", last - timedelta(days=30), -90.0),
            ("comes back", last - timedelta(days=740), 25.0),
            ("comes back", last - timedelta(days=2), 25.0),
            ("stays away", last - timedelta(days=740), 25.0),
            ("stays away", last - timedelta(days=735), 25.0),
            ("=HYPERLINK(1)", last, 20.0),
            ('a,"b"\nc', last, 20.0),
            ("only returns", last, -20.0),
            ("absurd", last, 1e12),
        ],
        columns=market.columns,
    )
    scores, told = run(tmp_path, pd.concat([market, odd], ignore_index=True))
    assert scores.loc["sends back", "expected_value"] == 0
    assert scores.loc["comes back", "p_alive"] > 2 * scores.loc["stays away", "p_alive"]
    assert scores.loc["comes back", "p_active"] > scores.loc["stays away", "p_active"]
    assert {"=HYPERLINK(1)", 'a,"b"\nc', "once", "one day", "absurd"} <= set(scores.index)
    assert "only returns" not in scores.index
    assert any("returns only" in note for note in told["warnings"])
    with (tmp_path / "scores.csv").open(newline="") as stream:
        assert all(len(row) == len(COLUMNS) for row in csv.reader(stream))


def test_nobody_leaves(tmp_path: Path) -> None:
    """Everybody buys every week: no inactive customer anywhere, so the purchase model answers and says so."""
    rows = [
        (f"c{customer}", FIRST + timedelta(days=7 * week + customer % 7), 10.0 + customer % 5)
        for customer in range(300)
        for week in range(60)
    ]
    scores, told = run(tmp_path, pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"]))
    assert set(scores["basis"]) == {"purchase_model"}
    assert scores["p_active"].min() > 0.95
    assert not (scores["band"] == "lost").any()
    assert told["holdout"]["p_active"]["ranking"]["auc"] is None
    assert told["holdout"]["p_active"]["observed_share"] == 1
    assert any("p_active is the purchase model's" in note for note in told["warnings"])


@pytest.mark.parametrize("customers", [1, 10])
def test_few_customers(tmp_path: Path, customers: int, capsys: pytest.CaptureFixture[str]) -> None:
    scores, told = run(tmp_path, shop(customers, 400, seed=8))
    assert len(scores) == customers
    assert set(scores["basis"]) == {"purchase_model"}
    assert not told["parameters"]["mbg_nbd"]["fitted"]
    assert "not fitted, the published fit of a typical shop" in capsys.readouterr().out


def test_all_on_one_day(tmp_path: Path) -> None:
    """A file of one day: nothing is over that could be measured, everybody gets the same prior chance."""
    rows = [(f"c{customer}", FIRST, 10.0 + customer % 9) for customer in range(500)]
    scores, told = run(tmp_path, pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"]))
    assert told["holdout"] is None
    assert scores["p_active"].nunique() == 1
    assert any("nothing is measured" in note for note in told["warnings"])


def test_a_cut_after_the_file(market: pd.DataFrame, tmp_path: Path) -> None:
    end = market["ordered_at"].max()
    now, _ = run(tmp_path, market)
    later, told = run(tmp_path, market, "--cut", str(end + timedelta(days=60)))
    assert later["p_active"].mean() < now["p_active"].mean()
    assert any("60 days to the cut are taken as without orders" in note for note in told["warnings"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cut", "2023-12-31"], "nobody had bought by --cut 2023-12-31, the first order is of 2024-01-01"),
        (["-o", "{folder}/none/scores.csv"], "make it first"),
        (["-o", "{folder}/orders.csv"], "it would be written over what is read"),
        (["--delimiter", "::"], "give one character"),
        (["--amount-column", "price"], "no column price (--amount-column)"),
    ],
)
def test_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("customer_id,ordered_at,amount\na,2024-01-01,5\n")
    assert main(["churn", str(file), *(word.format(folder=tmp_path) for word in words)]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert not told.out
    assert file.read_text().endswith("a,2024-01-01,5\n")


def test_returns_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("customer_id,ordered_at,amount\na,2024-01-01,-5\n")
    assert main(["churn", str(file)]) == 1
    assert "returns only; there is no order" in capsys.readouterr().err


@pytest.mark.parametrize(("written", "days"), [("13w", 91), ("90d", 90), ("3m", 91), ("12M", 365), ("1d", 1)])
def test_horizons(written: str, days: int) -> None:
    assert horizon_days(written) == days


@pytest.mark.parametrize("written", ["13", "0d", "w", "-3w", "1.5m", "4000d", "13 weeks", ""])
def test_horizons_that_are_none(written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["churn", "orders.csv", f"--horizon={written}"])
    assert stopped.value.code == 2
    assert "write 13w, 90d or 3m" in capsys.readouterr().err


def test_a_day_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["churn", "orders.csv", "--cut", "30/09/1997"])
    assert "write it as 1997-09-30" in capsys.readouterr().err
