"""What the page says: full, empty, sparse, hostile; and that it keeps to its own security policy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient

from cockpit.airflow_login import Login
from cockpit.published_rows import COLUMNS, alert, change, credit, figures, load, plan, pressure, publish, whole
from millibar.cockpit.application import HERE, build_application
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}%{customdata[0]}</script>"


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, and the text inside them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture
def read(client: TestClient) -> Callable[..., Page]:
    def read(query: str = "", status: int = 200) -> Page:
        answer = client.get(f"/{query}")
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    return read


def test_the_five_figures_with_their_units(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    text = read().text
    assert "Customers known 12,377 61.8% of 20,016 customers, from 31,204 records" in text
    assert "Revenue, last 30 days €318,450 4,286 conversions" in text
    assert "Touchpoints 1,042,311 newest on 14 March 2025, 21:55" in text
    assert "Over-pressed customers 13.4% 2,044 of 15,256 customers rated" in text
    assert "Alerts 3 signs that last" in text


def test_freshness_and_last_run(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole(), published_at=datetime.now(UTC) - timedelta(hours=3), run_id="manual__7")
    text = read().text
    assert "Data up to 14 March 2025" in text
    assert "Fresh: 3 hours ago" in text
    assert "Last run manual__7" in text


def test_old_figures_are_called_stale(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole(), published_at=datetime.now(UTC) - timedelta(days=4))
    assert "Stale: 4 days ago" in read().text


def test_deliveries(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    text = read().text
    assert "3 sources, newest delivery 14 March 2025; 682,129 rows read, 0.14% rejected." in text
    assert "web_shop orders 14 March 2025 51,702 51,240 388 74 0.14% amount is negative" in text


def test_a_delivery_that_failed_as_a_whole_is_told(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole() | {"rpt_load_quality": [load(), load("web_shop", "orders", batches_failed=2)]})
    text = read().text
    assert "2 deliveries failed as a whole." in text
    assert text.count("2 deliveries failed") == 2


def test_the_plan_names_what_to_move_and_what_it_brings(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    text = read().text
    assert "Of the €134,200 of the window, moving €18,449 as below is expected to bring" in text
    assert "Paid search €61,400 €79,820 +30% (the most allowed) 2.4× 1.1× to 3.9× €319,280 €251,740 to €386,820" in text
    assert text.index("Paid search €61,400") < text.index("Social networks €28,700") < text.index("Direct mail €44,100")
    assert "Social networks €28,700 €28,729 keep" in text
    assert "-30% (the most allowed)" in text
    assert "The intervals overlap: try the move" in text


def test_a_plan_whose_intervals_do_not_overlap_needs_no_warning(
    warehouse: Warehouse, read: Callable[..., Page]
) -> None:
    sure = [
        plan(marginal_return_low=2.0, marginal_return_high=3.0),
        plan("direct_mail", 44_100.0, -0.3, marginal_return=0.7, marginal_return_low=0.5, marginal_return_high=0.9),
    ]
    publish(warehouse, whole() | {"rpt_budget_plan": sure})
    text = read().text
    assert "more from the same money." in text
    assert "overlap" not in text


def test_a_plan_that_moves_nothing_says_so(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole() | {"rpt_budget_plan": [plan(part=0.0), plan("sms", part=0.0)]})
    assert "are spread well: no move is worth making." in read().text


def test_without_spend_and_periods_the_page_says_so(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole() | {"rpt_budget_plan": [], "rpt_attribution_change": []})
    text = read().text
    assert "No channel has spend to plan with" in text
    assert "No two periods are compared" in text


def test_only_moves_beyond_noise_are_shown(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    text = read().text
    assert "15 February 2025 to 14 March 2025 against 18 January 2025 to 14 February 2025" in text
    assert "2 other channels held steady" in text
    assert "Newsletter and mail 8.0% 5.9% -2.1 -2.7 to -1.5 +31 -84" in text
    assert text.index("Newsletter and mail 8.0%") < text.index("Text message 8.0% 9.4% +1.4")


def test_moves_within_noise_are_none(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole() | {"rpt_attribution_change": [change(points=0.001)]})
    assert "Nothing beyond noise: 15 February" in read().text


def test_the_default_model_is_the_one_the_warehouse_names(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    rows = [credit("email", model, is_default=model == "linear") for model in ("markov", "linear")]
    publish(warehouse, whole() | {"rpt_channel_performance": rows})
    assert [option["value"] for option in read().all("option") if "selected" in option] == ["linear"]


def test_alerts_say_how_bad_what_where_why_and_what_to_do(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    text = read().text
    assert (
        "Alert 21,950 21,950 Spam complaints rise 0.17% instead of 0.06% (+183%) since 2 March 2025 Text message "
        "new customers Two campaigns reached people who bought within the last week. "
        "Stop the segment and ask for permission again. Mobile team, until 11 April 2025"
    ) in text
    assert "Complaint wave 5.9 a day instead of 2.5 a day (+136%)" in text
    assert text.index("Click rate falls") < text.index("Complaint wave") < text.index("Incident")
    assert "No cause stands out yet." in text
    assert "campaign Spring weeks: 62.0% device mobile: 40.0%" in text  # neither "(other)" nor what works against it
    assert "a series without any fault would raise about 6 of them" in text


def test_every_verdict_has_a_word_of_its_own(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    verdicts = {"alert": True, "trend": False, "shifted": False, "expected": False, "incident": False}
    rows = [
        alert(sign=f"sign_{verdict}", sign_label=verdict, verdict=verdict, alert=is_alert, incident=verdict == "incident",
              shifted_to="push_app" if verdict == "shifted" else None, severity_level="high")
        for verdict, is_alert in verdicts.items()
    ]  # fmt: skip
    publish(warehouse, whole() | {"rpt_alert": rows, "rpt_alert_driver": []})
    text = read().text
    for words in ("Alert severe", "Trend 48,200", "Moved to push_app", "Expected 48,200", "Incident 48,200"):
        assert words in text


def test_the_matrix_has_a_cell_for_every_sign_and_judged_channel(
    warehouse: Warehouse, read: Callable[..., Page]
) -> None:
    publish(warehouse, whole())
    text = read().text
    assert "Sign All channels Newsletter and mail Text message Click rate falls" in text  # nothing is judged on direct
    assert "Click rate falls Alert -38% 2 of 5 alert Quiet +2% Sales fall Expected -21%" in text


def test_pressure_starts_with_all_channels_then_the_most_pressed(warehouse: Warehouse, client: TestClient) -> None:
    publish(warehouse, whole())
    lines = client.get("/figures.json").json()["pressure"]
    assert [line["label"] for line in lines[:3]] == ["All channels", "Call centre", "Text message"]
    assert lines[0]["states"]["over"] == {
        "customers": 2_044.0,
        "share": pytest.approx(2_044 / 15_256),
        "text": "2,044",
        "share_text": "13.4%",
    }
    for line in lines:
        assert sum(state["share"] for state in line["states"].values()) == pytest.approx(1)


def test_the_model_switch_shows_one_table(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    publish(warehouse, whole())
    for query, shown in (("", "markov"), ("?model=last&measure=revenue", "last"), ("?model=nonsense", "markov")):
        page = read(query)
        tables = [table for table in page.all("table") if "data-model" in table]
        assert {table["data-model"] for table in tables} == {
            "markov",
            "shapley",
            "last",
            "first",
            "linear",
            "time_decay",
        }
        assert [table["data-model"] for table in tables if "hidden" not in table] == [shown]
        assert [option["value"] for option in page.all("option") if "selected" in option] == [shown]
    checked = [field["value"] for field in read("?measure=revenue").all("input") if "checked" in field]
    assert checked == ["revenue"]


def test_credits_carry_their_interval_and_rules_say_they_have_none(
    warehouse: Warehouse, client: TestClient, read: Callable[..., Page]
) -> None:
    tables = whole() | {"rpt_channel_performance": [credit("email", "markov"), credit("email", "last")]}
    publish(warehouse, tables)
    models = client.get("/figures.json").json()["models"]
    bar = models["markov"]["channels"][0]["conversions"]
    assert bar["low"] < bar["value"] < bar["high"]
    assert bar["interval"] == f"{bar['low']:,.0f} to {bar['high']:,.0f}"
    assert models["last"]["channels"][0]["conversions"] | {"value": 0, "text": ""} == {
        "value": 0, "text": "", "low": None, "high": None, "interval": "",
    }  # fmt: skip
    assert "A rule, not an estimate: it has no interval." in read("?model=last").text


def test_one_channel_without_cost_interval_or_label(
    warehouse: Warehouse, client: TestClient, read: Callable[..., Page]
) -> None:
    row = credit("email", "house_model", model_label=None, channel_label=None, cost=None, roas=float("nan"), cpa=None)
    publish(
        warehouse,
        {
            "rpt_key_figures": [figures(customers_over=0, customers_under=0, customers_balanced=0, alerts=0)],
            "rpt_channel_performance": [row],
            "rpt_pressure_state": [pressure("email", "under", 0)],
            "rpt_alert": [],
            "rpt_load_quality": [load(last_delivered_on=None, rows_read=0, rejected_share=None)],
        },
    )
    text = read().text
    assert "no customer rated yet" in text
    assert "No interval is published for this model." in text
    assert "1 source, newest delivery –; 0 rows read, 0.0% rejected." in text
    assert "No sign is out of its usual range." in text
    assert re.search(r"email 8,890 €660,537 17\.3% – – –", text), text
    body = client.get("/figures.json").json()
    assert list(body["models"]) == ["house_model"]
    assert body["pressure"][0]["states"]["under"]["share"] == 0


def test_before_the_first_publication(warehouse: Warehouse, client: TestClient, read: Callable[..., Page]) -> None:
    assert "Nothing published yet" in read().text
    assert client.get("/figures.json").json()["published"] is False


def test_before_the_schema_exists(warehouse: Warehouse, read: Callable[..., Page]) -> None:
    warehouse.execute("drop schema bi cascade")
    assert "Nothing published yet" in read().text


@pytest.mark.parametrize("absent", list(COLUMNS))
def test_a_publication_that_lacks_a_table(warehouse: Warehouse, client: TestClient, absent: str) -> None:
    publish(warehouse, {table: rows for table, rows in whole().items() if table != absent})
    assert client.get("/").status_code == 200
    assert client.get("/figures.json").json()["published"] is True


def test_hostile_names_stay_text(warehouse: Warehouse, client: TestClient) -> None:
    tables = {
        "rpt_key_figures": [figures(currency=HOSTILE)],
        "rpt_channel_performance": [credit(HOSTILE, HOSTILE, channel_label=HOSTILE, model_label=HOSTILE)],
        "rpt_budget_plan": [plan(HOSTILE, channel_label=HOSTILE, basis=HOSTILE)],
        "rpt_attribution_change": [change(HOSTILE, channel_label=HOSTILE, model_label=HOSTILE)],
        "rpt_pressure_state": [pressure(HOSTILE, "over", 5)],
        "rpt_alert": [
            alert(**dict.fromkeys(("sign_label", "channel_label", "segment", "cause", "action", "owner"), HOSTILE))
        ],
        "rpt_load_quality": [load(HOSTILE, HOSTILE, top_reason=HOSTILE)],
    }
    publish(warehouse, tables, run_id=HOSTILE)
    answer = client.get("/", params={"model": HOSTILE, "measure": HOSTILE})
    page = Page(answer.text)
    assert page.all("img") == []
    assert page.text.count(HOSTILE) >= 12, "the name is shown as it is, wherever it is shown"
    assert {table["data-model"] for table in page.all("table") if "data-model" in table} == {HOSTILE}
    body = client.get("/figures.json")
    assert body.headers["content-type"] == "application/json"
    assert body.json()["models"][HOSTILE]["channels"][0]["label"] == HOSTILE


def test_an_unknown_model_in_the_address_is_not_echoed(warehouse: Warehouse, client: TestClient) -> None:
    publish(warehouse, whole())
    assert "zzz" not in client.get("/", params={"model": "zzz<script>", "measure": "zzz"}).text


@pytest.mark.parametrize("state", ["full", "empty", "failed"])
def test_pages_keep_to_their_security_policy(
    state: str, warehouse: Warehouse, client: TestClient, login: Login, settings: Settings
) -> None:
    """The policy forbids inline scripts and styles and foreign addresses; a browser would drop them silently."""
    if state == "full":
        publish(warehouse, whole())
    if state == "failed":
        broken = replace(settings, reader_uri="postgresql://nobody@127.0.0.1:1/none")
        client = TestClient(build_application(lambda: broken), cookies={"_token": login.token()})
    answer = client.get("/")
    page = Page(answer.text)
    assert answer.status_code == (503 if state == "failed" else 200)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert page.all("style") == []
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action"):
            address = attributes.get(name)
            if address is not None:
                assert not re.match(r"[a-z]+:|/", address), f"{tag} {name}={address} is not relative"
                assert client.get(f"/{address}").status_code == answer.status_code if address == "./" else 200
    for script in page.all("script"):
        assert client.get(f"/{script['src']}").headers["content-type"].startswith("text/javascript")


def test_headings_and_tables_are_marked_up(warehouse: Warehouse, client: TestClient) -> None:
    publish(warehouse, whole())
    answer = client.get("/")
    page = Page(answer.text)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in cell for cell in page.all("th"))
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    named = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert len(named) == 10
    assert set(named) <= identifiers
    charts = [attributes for attributes in page.all("div") if attributes.get("role") == "img"]
    assert [("table" in (chart["aria-label"] or "")) for chart in charts] == [True, True]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_texts_have_contrast(theme: int) -> None:
    """WCAG AA asks 4.5:1 for text; the pairs are those the style sheet puts together."""
    sheet = (HERE / "static" / "cockpit.css").read_text()
    colours = {
        name: pair[theme]
        for name, *pair in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", sheet)
    }
    pairs = [(text, ground) for text in ("ink", "soft", "mark", "good", "accent") for ground in ("page", "surface")]
    pairs += [(f"on-{state}", state) for state in ("under", "balanced", "over")]
    pairs += [("surface", "accent")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1..21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_chart_script_is_that_of_the_installed_package(client: TestClient, warehouse: Warehouse) -> None:
    import plotly

    answer = client.get("/plotly.min.js")
    assert answer.content == (HERE.__class__(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert client.get("/figures.json").headers["cache-control"] == "no-store"


def test_the_page_holds_back_every_sheet_the_chart_script_would_add(client: TestClient, warehouse: Warehouse) -> None:
    publish(warehouse, whole())
    script = client.get("/plotly.min.js").text
    sheets = re.findall(r'(\w+)=document\.createElement\("style"\);\1\.id="([0-9a-f]+)"', script)
    held = {template["id"] for template in Page(client.get("/").text).all("template")}
    assert {identifier for _, identifier in sheets} == held
    assert held
    assert Page(client.get("/").text).all("link")[-1]["class"] == "no-inline-styles"


def test_charts_of_not_a_number_are_still_json(warehouse: Warehouse, client: TestClient) -> None:
    row = credit("email", conversions=float("nan"), revenue=float("inf"), conversions_low=float("-inf"))
    publish(warehouse, whole() | {"rpt_channel_performance": [row]})
    bar = json.loads(client.get("/figures.json").text)["models"]["markov"]["channels"][0]
    assert bar["conversions"]["value"] is None
    assert bar["revenue"]["value"] is None
    assert bar["conversions"]["interval"] == ""
