"""`millibar attribute`: what is written and printed, totals that hold, and one clear message on a fault."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.command import main

COLUMNS = [
    "model", "order", "channel", "conversions", "conversions_low", "conversions_high", "revenue", "revenue_low",
    "revenue_high", "removal_effect",
]  # fmt: skip
PATHS = """path;conv;null;value
search > mail;40;160;2000
search;25;300;900
mail > search > mail;10;50;700
push;1;90;30
"""
EVERY_MODEL = "first,last,last_non_direct,linear,position,j_shaped,inverse_j,participation,shapley,shapley_ordered,markov,markov_shapley"


@pytest.fixture
def attribute(tmp_path: Path):
    """Runs the command on a file of this content: (OUT.csv, JSON report)."""

    def run(content: str, *words: str) -> tuple[pd.DataFrame, dict]:
        file, out, told = tmp_path / "paths.csv", tmp_path / "out.csv", tmp_path / "report.json"
        file.write_text(content)
        assert main(["attribute", str(file), "-o", str(out), "--json", str(told), *words]) == 0
        return pd.read_csv(out, keep_default_na=False, na_values=[""]), json.loads(told.read_text())

    return run


def test_what_is_written_and_printed(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    table, report = attribute(PATHS, "--models", "markov,linear,markov", "--order", "2")
    assert table.columns.tolist() == COLUMNS
    assert table["model"].tolist() == ["markov"] * 3 + ["linear"] * 3
    assert table["channel"].tolist() == ["mail", "push", "search"] * 2
    assert table["order"].tolist()[:3] == [2, 2, 2]
    assert table["order"].isna().tolist()[3:] == [True] * 3
    assert table["removal_effect"].isna().tolist() == [False] * 3 + [True] * 3
    assert {name: report["inputs"][name] for name in ("rows", "paths", "channels", "journeys", "conversions", "value")} == {
        "rows": 4, "paths": 4, "channels": 3, "journeys": 676.0, "conversions": 76.0, "value": 3630.0,
    }  # fmt: skip
    assert report["order_scores"] is None
    pd.testing.assert_frame_equal(pd.DataFrame(report["credits"], columns=COLUMNS), table, check_dtype=False)
    assert set(report["seconds"]) == {"reading", "fitting"}
    printed = capsys.readouterr()
    assert "markov, order 2" in printed.out
    assert "676 journeys, 76 conversions, value 3,630.00; intervals 0.95" in printed.out
    assert "note: no sum of squared values" in printed.err
    heads = [line.split() for line in printed.out.splitlines() if line.strip().startswith("channel")]
    assert heads[0] == [
        "channel",
        "conversions",
        "low",
        "-",
        "high",
        "share",
        "revenue",
        "low",
        "-",
        "high",
        "removal",
        "effect",
    ]


def test_every_model_shares_out_the_totals(attribute) -> None:
    table, _ = attribute(PATHS, "--models", EVERY_MODEL)
    for model, rows in table.groupby("model"):
        if model == "participation":
            assert rows["conversions"].sum() == pytest.approx(40 * 2 + 25 + 10 * 2 + 1)
            continue
        assert rows["conversions"].sum() == pytest.approx(76.0)
        assert rows["revenue"].sum() == pytest.approx(3630.0)
        assert (rows["conversions_low"] <= rows["conversions"] + 1e-9).all()
        assert (rows["conversions"] <= rows["conversions_high"] + 1e-9).all()
    assert set(table["model"]) == set(EVERY_MODEL.split(","))


def test_the_order_is_chosen_and_its_scores_are_told(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether mail converts depends on what came two steps before: orders 1 and 2 cannot see that."""
    content = "path;conv;null\na > x > mail;900;100\nb > x > mail;50;950\na > x;10;400\nb > x;10;400\n"
    table, report = attribute(content, "--order", "auto", "--models", "markov")
    assert [score["order"] for score in report["order_scores"]] == [1, 2, 3, 4]
    (best,) = [score["order"] for score in report["order_scores"] if score["is_best"]]
    assert best >= 3
    assert set(table["order"]) == {best}
    assert "held-out log-likelihood" in capsys.readouterr().out


def test_rows_of_one_path_and_their_order_do_not_matter(attribute) -> None:
    split = "path;conv;null;value\npush;1;90;30\nsearch>mail;15;60;1500\nsearch;25;300;900\nmail > search > mail;10;50;700\n search > mail ;25;100;500\n"
    words = ("--models", "markov,markov_shapley,shapley,last")
    whole, _ = attribute(PATHS, *words)
    again, _ = attribute(split, *words)
    told = ["conversions", "conversions_low", "conversions_high", "revenue", "removal_effect"]
    np.testing.assert_allclose(whole[told], again[told], rtol=1e-9)


def test_events_and_their_paths_give_the_same(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    events = ["customer,time,channel,conversion,value"]
    for number in range(30):
        events.append(f"c{number},2026-01-0{1 + number % 3},search,0,")
        events += [f"c{number},2026-01-05,mail,0,"] * (number % 2)
        events += [f"c{number},2026-01-06,,1,{number}"] * (number % 3 == 0)
    paths = ["path;conv;null;value;value_squared"]
    for mail in (0, 1):
        of_path = [number for number in range(30) if number % 2 == mail]
        worth = [number for number in of_path if number % 3 == 0]
        squares = sum(number**2 for number in worth)
        path = "search > mail" if mail else "search"
        paths.append(f"{path};{len(worth)};{len(of_path) - len(worth)};{sum(worth)};{squares}")
    words = ("--models", "markov,markov_shapley,shapley,linear", "--confidence", "0.9")
    of_events, report = attribute("\n".join(events) + "\n", *words)
    of_paths, _ = attribute("\n".join(paths) + "\n", *words)
    pd.testing.assert_frame_equal(of_events, of_paths)
    assert (report["inputs"]["form"], report["inputs"]["customers"], report["confidence"]) == ("events", 30, 0.9)


def test_confidence_widens_intervals(attribute) -> None:
    width = {}
    for confidence in ("0.5", "0.99"):
        table, _ = attribute(PATHS, "--models", "linear", "--confidence", confidence)
        width[confidence] = (table["conversions_high"] - table["conversions_low"]).loc[0]
    assert width["0.99"] / width["0.5"] == pytest.approx(2.575829 / 0.674490, rel=1e-4)


def test_without_values_revenue_is_empty_not_zero(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    table, report = attribute("path;conv;null\na > b;3;4\nb;1;5\n")
    assert table[["revenue", "revenue_low", "revenue_high"]].isna().all().all()
    assert table.groupby("model")["conversions"].sum().to_numpy() == pytest.approx(4.0)
    assert report["inputs"]["value"] is None
    heads = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("channel")]
    assert heads
    assert not [head for head in heads if "revenue" in head]


def test_without_nulls_removal_effects_come_with_a_note(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = attribute("path;conv\na > b;3\nb;1\n", "--models", "markov")
    assert table.set_index("channel")["removal_effect"].to_dict() == pytest.approx({"a": 0.75, "b": 1.0})
    assert "journeys that did not convert (--nulls)" in capsys.readouterr().err


def test_no_conversion_gives_no_credit(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = attribute("path;conv;null;value\na > b;0;3;0\nb;0;1;0\n", "--models", EVERY_MODEL)
    assert (table[["conversions", "conversions_low", "conversions_high", "revenue"]] == 0).all().all()
    assert (table["removal_effect"].dropna() == 0).all()
    assert "note: no conversion at all: every credit is 0" in capsys.readouterr().err


def test_one_channel_gets_everything(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = attribute("path;conv;null;value\na > a > a;3;3;5\na;1;1;7\n", "--models", EVERY_MODEL, "--order", "auto")
    assert table["conversions"].to_numpy() == pytest.approx(4.0)
    assert table["revenue"].to_numpy() == pytest.approx(12.0)
    assert table["removal_effect"].dropna().to_numpy() == pytest.approx(1.0)
    assert "one channel only, a" in capsys.readouterr().err


def test_fractional_counts_scale(attribute) -> None:
    """Half of every count is half of every credit, with the same removal effects."""
    halves = "path;conv;null;value\nsearch > mail;20;80;1000\nsearch;12.5;150;450\nmail > search > mail;5;25;350\npush;.5;45;15\n"
    whole, _ = attribute(PATHS, "--models", "markov,markov_shapley,linear")
    half, _ = attribute(halves, "--models", "markov,markov_shapley,linear")
    np.testing.assert_allclose(half[["conversions", "revenue"]] * 2, whole[["conversions", "revenue"]], rtol=1e-9)
    np.testing.assert_allclose(half["removal_effect"], whole["removal_effect"], rtol=1e-9)


@pytest.mark.parametrize("order", ["1", "3", "auto"])
def test_paths_of_four_hundred_steps(attribute, order: str) -> None:
    long = " > ".join(f"c{place % 5}" for place in range(400))
    table, report = attribute(
        f"path;conv;null\n{long};2;1\nc0 > c1;1;9\nc4;3;6\n", "--order", order, "--models", "markov,shapley,linear"
    )
    assert report["inputs"]["longest_path"] == 400
    assert table.groupby("model")["conversions"].sum().to_numpy() == pytest.approx(6.0)


def many_channels(channels: int, rows: int) -> str:
    random = np.random.default_rng(5)
    paths = (
        " > ".join(f"c{place}" for place in random.integers(0, channels, random.integers(1, 7))) for _ in range(rows)
    )
    return "path;conv;null\n" + "".join(f"{path};{random.integers(0, 3)};{random.integers(0, 9)}\n" for path in paths)


@pytest.mark.parametrize(
    ("channels", "models"),
    [
        (500, "markov,shapley,shapley_ordered,last,linear,participation"),
        pytest.param(500, "markov_shapley", marks=pytest.mark.slow),
    ],
)
def test_five_hundred_channels(attribute, channels: int, models: str) -> None:
    table, report = attribute(many_channels(channels, 3000), "--models", models)
    assert report["inputs"]["channels"] == 500
    for model, rows in table.groupby("model"):
        assert (rows["conversions"] >= 0).all()
        if model != "participation":
            assert rows["conversions"].sum() == pytest.approx(report["inputs"]["conversions"])


def test_more_channels_than_coalitions_can_be_counted_are_sampled_and_said_so(
    attribute, capsys: pytest.CaptureFixture[str]
) -> None:
    table, report = attribute(many_channels(24, 300), "--models", "markov_shapley")
    assert table["conversions"].sum() == pytest.approx(report["inputs"]["conversions"])
    assert "note: markov_shapley: the coalitions of so many channels are sampled" in capsys.readouterr().err


def test_few_channels_are_not_sampled(attribute, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = attribute(PATHS, "--models", "markov_shapley", "--order", "2")
    assert not [note for note in report["warnings"] if "sampled" in note]


def test_a_chosen_order_is_lowered_for_coalitions(attribute, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which orders coalitions can afford is tested beside them; here they can afford the first only."""
    monkeypatch.setattr("millibar.attribution.files.attribute.highest_order", lambda paths, most: 1)
    content = "path;conv;null\na > x > mail;900;100\nb > x > mail;50;950\na > x;10;400\nb > x;10;400\n"
    table, report = attribute(content, "--models", "markov_shapley,markov", "--order", "auto")
    orders = table.groupby("model")["order"].first().to_dict()
    assert orders["markov"] > orders["markov_shapley"] == 1
    assert f"markov_shapley: order 1, for a chain of order {orders['markov']} has too many states" in "\n".join(
        report["warnings"]
    )


@pytest.mark.parametrize("order", ["1", "auto"])
def test_counts_that_are_all_zero(attribute, order: str, capsys: pytest.CaptureFixture[str]) -> None:
    table, report = attribute("path;conv;null;value\na > b;0;0;0\n", "--models", EVERY_MODEL, "--order", order)
    assert (table[["conversions", "revenue"]] == 0).all().all()
    assert report["inputs"]["journeys"] == 0


def test_names_with_the_separator(attribute) -> None:
    table, _ = attribute('path,conv,null\n"""a > b"" > c",1,1\n"c > ""a > b""",1,2\n', "--models", "last")
    assert table.set_index("channel")["conversions"].to_dict() == {"a > b": 1.0, "c": 1.0}


def test_named_columns_and_forms(attribute) -> None:
    content = "way|yes|no|eur\na/b|1,5|2|10,5\nb|1|1|3\n"
    words = (
        "--path",
        "way",
        "--conversions",
        "yes",
        "--nulls",
        "no",
        "--value",
        "eur",
        "--separator",
        "/",
        "--decimal",
        ",",
        "--delimiter",
        "|",
    )
    table, _ = attribute(content, *words, "--models", "linear")
    assert table["conversions"].tolist() == [0.75, 1.75]
    assert table["revenue"].tolist() == [5.25, 8.25]
    both = "path,customer,time,channel,conversion,value\nx > y,c,2026-01-01,a,1,2\n"
    assert attribute(both, "--events")[1]["inputs"]["form"] == "events"
    assert attribute(both, "--paths")[1]["inputs"]["form"] == "paths"
    assert (
        attribute("path;conv\té;1\n".replace("\t", "\n"), "--encoding", "utf-8", "--delimiter", ";")[1]["inputs"][
            "rows"
        ]
        == 1
    )


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("", (), "FileError: .*paths.csv: the file is empty"),
        ("a;b\n1;2\n", (), "line 1: neither paths .* nor events .* are plain in a, b: name the columns"),
        ("path;conv\na;-1\n", (), "line 2, column conv: '-1'"),
        (PATHS, ("--models", "markow"), "model 'markow' is not known.*choose among"),
        (PATHS, ("--models", "time_decay"), "it needs the times of touches"),
        (PATHS, ("--delimiter", "ab"), "--delimiter ab: give one character"),
        (PATHS, ("--json", "/nowhere/x.json"), "there is no folder /nowhere"),
        (PATHS, ("--customer", "who"), r"no column who \(--customer\); it has path, conv, null, value"),
    ],
)
def test_a_fault_is_one_message_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: tuple[str, ...], message: str
) -> None:
    file, out = tmp_path / "paths.csv", tmp_path / "out.csv"
    file.write_text(content)
    assert main(["attribute", str(file), "-o", str(out), *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("millibar: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [("--order", "0"), ("--order", "two"), ("--confidence", "95"), ("--convention", "mine"), ("--lookback", "3")],
)
def test_words_that_mean_nothing_end_with_the_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["attribute", str(tmp_path / "x.csv"), "-o", str(tmp_path / "out.csv"), *words])
    assert ended.value.code == 2


@pytest.mark.parametrize("option", ["-o", "--json"])
def test_what_is_read_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("paths.csv").write_text(PATHS)
    assert main(["attribute", str(tmp_path / "paths.csv"), "-o", "out.csv", option, "paths.csv"]) == 1
    assert "paths.csv: it would be written over what is read" in capsys.readouterr().err
    assert Path("paths.csv").read_text() == PATHS


def test_an_earlier_period_is_compared(attribute, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mail that converts twice as often moves; noise does not."""
    earlier = tmp_path / "earlier.csv"
    earlier.write_text(PATHS.replace("mail;40;160", "mail;400;1600").replace("search;25;300", "search;250;3000"))
    moved = PATHS.replace("mail;40;160", "mail;800;1200").replace("search;25;300", "search;250;3000")
    words = ("--models", "markov_shapley,participation,linear", "--reference", str(earlier))
    _, report = attribute(moved, *words)
    changes = pd.DataFrame(report["changes"]).set_index(["model", "channel"])
    assert set(changes.index.get_level_values("model")) == {"markov_shapley", "linear"}
    assert changes.loc[("linear", "mail"), "is_real"]
    assert changes.loc[("linear", "mail"), "change"] > 0
    by_channel = changes["conversions_now"] - changes["conversions_before"]
    np.testing.assert_allclose(by_channel, changes["volume_effect"] + changes["share_effect"])
    printed = capsys.readouterr()
    assert "linear, since the earlier period" in printed.out
    _, same = attribute(earlier.read_text(), *words)
    assert not pd.DataFrame(same["changes"])["is_real"].any()
    assert pd.DataFrame(same["changes"])["change"].abs().max() < 1e-12


def test_a_fault_of_the_earlier_period_names_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "now.csv").write_text(PATHS)
    (tmp_path / "earlier.csv").write_text("path;conv\na;x\n")
    words = [str(tmp_path / "now.csv"), "--reference", str(tmp_path / "earlier.csv"), "-o", str(tmp_path / "out.csv")]
    assert main(["attribute", *words]) == 1
    assert "earlier.csv, line 2, column conv: 'x'" in capsys.readouterr().err


DOCS = Path(__file__).resolve().parents[4] / "docs" / "ATTRIBUTION.md"


def blocks(kind: str) -> list[str]:
    """Code blocks of a kind in the page."""
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_example_of_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    paths, events = blocks("csv")
    Path("paths.csv").write_text(paths)
    Path("events.csv").write_text(events)
    (command,) = (line for block in blocks("sh") for line in block.splitlines() if "attribute paths.csv" in line)
    assert main(command.split()[1:]) == 0
    assert capsys.readouterr().out == blocks("text")[0]
    assert main(["attribute", "events.csv", "--models", "last", "-o", "out.csv"]) == 0
    assert "2 journeys, 1 conversions, value 49.90" in capsys.readouterr().out
    exec(compile(blocks("python")[0], str(DOCS), "exec"), {})


def test_a_reader_that_has_seen_enough_is_no_fault(attribute, tmp_path: Path) -> None:
    attribute(PATHS)
    words = [sys.executable, "-m", "millibar.command", "attribute", tmp_path / "paths.csv", "-o", tmp_path / "out.csv"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert "BrokenPipe" not in child.stderr.read().decode()
    assert child.wait() == 0
