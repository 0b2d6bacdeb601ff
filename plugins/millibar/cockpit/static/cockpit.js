// Cockpit: draws the charts and switches model and measure; every text it shows comes from the server as data.
"use strict";

(() => {
  const BAR_HEIGHT = 44; // pixels a channel
  const CHART_MARGIN = 64;
  const LONGEST_LABEL = 24;
  const SMALLEST_LABELLED_SHARE = 0.1; // a narrower segment has no room for its text
  const STATES = [
    ["under", "Under"],
    ["balanced", "Balanced"],
    ["over", "Over"],
  ];
  const OPTIONS = { displayModeBar: false, responsive: true };

  const choice = document.getElementById("choice");
  const creditsChart = document.getElementById("credits-chart");
  const pressureChart = document.getElementById("pressure-chart");
  const fault = document.getElementById("fault");
  let figures = null;

  // Plotly reads a small dialect of HTML in its labels: a channel's name is text, whatever it holds.
  const asText = (text) =>
    String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const shortened = (text) =>
    asText(text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text);

  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };

  const layout = (channels, more) => ({
    height: CHART_MARGIN + BAR_HEIGHT * channels.length,
    margin: { l: 8, r: 20, t: 8, b: 8 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("ink") }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", traceorder: "normal" },
    ...more,
    xaxis: { fixedrange: true, automargin: true, gridcolor: colour("line"), zerolinecolor: colour("line"), ...more.xaxis },
    yaxis: {
      type: "category",
      fixedrange: true,
      automargin: true,
      autorange: "reversed",
      ticks: "",
      tickvals: channels.map((line) => line.channel),
      ticktext: channels.map((line) => `${shortened(line.label)}  `),
    },
  });

  const reach = (bar, end) => (bar[end] === null || bar.value === null ? NaN : Math.max(0, Math.abs(bar[end] - bar.value)));

  const drawCredits = () => {
    if (!creditsChart || !choice) return;
    const [key, measure] = [choice.elements.model.value, choice.elements.measure.value];
    const model = figures.models[key];
    if (!model) return;
    const drawn = model.channels.map((line) => ({ ...line, bar: line[measure] }));
    drawn.sort((one, other) => (other.bar.value ?? 0) - (one.bar.value ?? 0));
    const bars = {
      type: "bar",
      orientation: "h",
      name: asText(model.label),
      y: drawn.map((line) => line.channel),
      x: drawn.map((line) => line.bar.value),
      marker: { color: colour("accent") },
      error_x: {
        type: "data",
        symmetric: false,
        array: drawn.map((line) => reach(line.bar, "high")),
        arrayminus: drawn.map((line) => reach(line.bar, "low")),
        color: colour("ink"),
        thickness: 1.5,
        width: 4,
      },
      customdata: drawn.map((line) => [
        asText(line.label),
        asText(line.bar.text),
        line.bar.interval ? `<br>95% interval ${asText(line.bar.interval)}` : "",
      ]),
      hovertemplate: "<b>%{customdata[0]}</b><br>%{customdata[1]}%{customdata[2]}<extra></extra>",
    };
    Plotly.react(
      creditsChart,
      [bars, ...baseline(key, measure, drawn)],
      layout(drawn, {
        bargap: 0.4,
        xaxis: { rangemode: "tozero", nticks: 6, ...(measure === "revenue" ? { tickformat: "~s" } : { tickformat: "," }) },
      }),
      OPTIONS,
    );
  };

  // What last touch says, as a mark beside the shown model: where both agree there is nothing to discuss.
  const baseline = (key, measure, drawn) => {
    const last = figures.models[figures.baseline];
    if (!last || key === figures.baseline) return [];
    const shown = new Set(drawn.map((line) => line.channel));
    const marks = last.channels.filter((line) => shown.has(line.channel));
    return [
      {
        type: "scatter",
        mode: "markers",
        name: asText(last.label),
        y: marks.map((line) => line.channel),
        x: marks.map((line) => line[measure].value),
        marker: { symbol: "diamond", size: 10, color: colour("surface"), line: { width: 2, color: colour("mark") } },
        customdata: marks.map((line) => [asText(line.label), asText(line[measure].text), asText(last.label)]),
        hovertemplate: "<b>%{customdata[0]}</b><br>%{customdata[1]} by %{customdata[2]}<extra></extra>",
      },
    ];
  };

  const drawPressure = () => {
    if (!pressureChart) return;
    const lines = figures.pressure;
    const traces = STATES.map(([state, name]) => ({
      type: "bar",
      orientation: "h",
      name,
      y: lines.map((line) => line.channel),
      x: lines.map((line) => line.states[state].share),
      marker: { color: colour(state), line: { color: colour("surface"), width: 1 } },
      text: lines.map((line) =>
        line.states[state].share >= SMALLEST_LABELLED_SHARE ? asText(line.states[state].share_text) : "",
      ),
      textposition: "inside",
      insidetextanchor: "middle",
      textangle: 0,
      textfont: { color: colour(`on-${state}`), size: 12 },
      customdata: lines.map((line) => [
        asText(line.label),
        asText(line.states[state].text),
        asText(line.states[state].share_text),
      ]),
      hovertemplate: `<b>%{customdata[0]}</b><br>${name}: %{customdata[1]} customers (%{customdata[2]})<extra></extra>`,
    }));
    Plotly.react(
      pressureChart,
      traces,
      layout(lines, { barmode: "stack", bargap: 0.35, showlegend: false, xaxis: { range: [0, 1], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] } }),
      OPTIONS,
    );
  };

  const draw = () => {
    if (figures === null || !figures.published) return;
    drawCredits();
    drawPressure();
  };

  const showChosenModel = () => {
    for (const part of document.querySelectorAll("[data-model]")) {
      part.hidden = part.dataset.model !== choice.elements.model.value;
    }
  };

  const say = (text) => {
    fault.textContent = text;
    fault.hidden = false;
  };

  const load = async () => {
    const answer = await fetch("figures.json", { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (answer.status === 401) throw new Error("Your session has ended. Log in to Airflow again to see the charts.");
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    figures = body;
    draw();
  };

  if (choice) {
    choice.addEventListener("change", () => {
      showChosenModel();
      draw();
      const query = new URLSearchParams(new FormData(choice));
      window.history.replaceState(null, "", `?${query}`);
    });
    choice.addEventListener("submit", (event) => event.preventDefault());
  }
  document.documentElement.classList.add("scripted");
  document.addEventListener("themechange", draw);
  load().catch((reason) => say(`The charts could not be drawn: ${reason.message}`));
})();
