// Draws every <div data-chart="#id-of-a-json-script"> or <div data-chart="/an/address">: one drawer for all charts.
// Colours in a figure are names of our CSS tokens ("--chart-1", or "--chart-1/0.2" with an opacity).
// In:  "chart:extend" on the element, detail {extend: {trace: {x, y}}, replace: {trace: {x, y}}}, or {figure}.
// Out: "chart:point" (bubbles), detail {x, link, phase}, when a point is clicked; link: the point's own `customdata`,
// phase: its trace's `meta.phase`.
(() => {
  const drawn = new WeakMap();

  const colour = (text) => {
    const [name, opacity] = text.split("/");
    const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    if (!opacity) return value;
    const parts = /^#(..)(..)(..)$/.exec(value);
    return parts ? `rgba(${parts.slice(1).map((part) => parseInt(part, 16)).join(",")},${opacity})` : value;
  };
  const resolve = (value) => {
    if (typeof value === "string") return value.startsWith("--") ? colour(value) : value;
    if (Array.isArray(value)) return value.some((one) => typeof one === "object" || typeof one === "string") ? value.map(resolve) : value.slice();
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolve(one)]));
    return value;
  };

  const dressed = (source) => {
    const axis = { gridcolor: "--line", linecolor: "--line", zerolinecolor: "--line", tickcolor: "--line", automargin: true, fixedrange: true };
    const layout = source.layout || {};
    const dress = {
      ...layout,
      font: { family: "system-ui, sans-serif", size: 12, color: "--ink-soft", ...layout.font },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: 12, t: 8, b: 8, ...layout.margin },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", ...layout.legend },
      hoverlabel: { bgcolor: "--surface", bordercolor: "--line", font: { color: "--ink" }, ...layout.hoverlabel },
      dragmode: false,
    };
    for (const [key, value] of Object.entries({ xaxis: {}, yaxis: {}, ...layout })) {
      if (/^[xy]axis\d*$/.test(key)) dress[key] = { ...axis, ...value };
    }
    return { data: resolve(source.data), layout: resolve(dress) };
  };

  const read = async (name) => {
    if (name.startsWith("#")) return JSON.parse(document.querySelector(name).textContent);
    const answer = await fetch(name, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  };

  // Rows of all x values with a column per trace: the chart for who does not see it, and for a spreadsheet.
  const table = (source) => {
    const traces = source.data.filter((trace) => !(trace.meta && trace.meta.table === false));
    const flat = traces.some((trace) => trace.orientation === "h");
    const [along, across] = flat ? ["y", "x"] : ["x", "y"];
    const keys = [...new Set(traces.flatMap((trace) => trace[along] || []))];
    if (keys.every((key) => typeof key === "number")) keys.sort((a, b) => a - b);
    const maps = traces.map((trace) => new Map((trace[along] || []).map((key, place) => [key, trace[across][place]])));
    const layout = source.layout || {};
    const title = (((flat ? layout.yaxis : layout.xaxis) || {}).title || {}).text || "";
    return { head: [title, ...traces.map((trace) => trace.name || "")], rows: keys.map((key) => [key, ...maps.map((map) => map.get(key))]) };
  };
  const shown = (value) => (value === undefined || value === null ? "" : typeof value === "number" ? String(Math.round(value * 1e5) / 1e5) : String(value));
  const asTable = (source) => {
    const { head, rows } = table(source);
    const element = document.createElement("table");
    element.className = "table table-sm";
    const top = element.createTHead().insertRow();
    for (const text of head) top.append(Object.assign(document.createElement("th"), { scope: "col", textContent: text }));
    const body = element.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((value) => { line.insertCell().textContent = shown(value); });
    }
    return element;
  };
  const asCsv = (source) => {
    const { head, rows } = table(source);
    // Names are typed by people: a spreadsheet must not run one as a formula.
    const tame = (value) => (typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value);
    const cell = (value) => { const text = shown(tame(value)); return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
    return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  };
  const save = (href, name) => {
    const link = Object.assign(document.createElement("a"), { href, download: name });
    link.click();
    if (href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(href), 1000);
  };

  const button = (text, label, press) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "chart-tool", textContent: text });
    made.setAttribute("aria-label", label);
    made.addEventListener("click", press);
    return made;
  };

  // Where a chart tells all traces of a place at once, a click means the point nearest to it; of equals, the one on top.
  const nearest = (points, { clientX, clientY }, { left, top }) => {
    const away = ({ x, y, xaxis, yaxis }) =>
      Math.hypot(left + xaxis._offset + xaxis.d2p(x) - clientX, top + yaxis._offset + yaxis.d2p(y) - clientY);
    return points.reduce((best, one) => (away(one) <= away(best) ? one : best));
  };

  const draw = async (holder) => {
    if (drawn.has(holder)) return;
    drawn.set(holder, null);
    const name = holder.dataset.chartName || "chart";
    let source;
    try {
      source = await read(holder.dataset.chart);
    } catch {
      holder.textContent = "The chart could not be loaded. Reload the page to try again.";
      return;
    }
    const plot = document.createElement("div");
    plot.className = "chart-plot";
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", holder.getAttribute("aria-label") || name);
    holder.removeAttribute("role");
    holder.removeAttribute("aria-label");
    const tools = Object.assign(document.createElement("div"), { className: "chart-tools" });
    const numbers = Object.assign(document.createElement("div"), { className: "chart-table table-scroll", hidden: true, tabIndex: 0 });
    numbers.setAttribute("role", "region");
    numbers.setAttribute("aria-label", "The chart's numbers");
    const state = { source, plot, numbers };
    const toggle = button("Table", "Show the numbers as a table", () => {
      numbers.hidden = !numbers.hidden;
      plot.hidden = !numbers.hidden;
      toggle.textContent = numbers.hidden ? "Table" : "Chart";
      toggle.setAttribute("aria-label", numbers.hidden ? "Show the numbers as a table" : "Show the chart");
      if (!numbers.hidden) numbers.replaceChildren(asTable(state.source));
      else Plotly.Plots.resize(plot);
    });
    tools.append(
      toggle,
      button("CSV", "Download the numbers as CSV", () => save(URL.createObjectURL(new Blob([asCsv(state.source)], { type: "text/csv" })), `${name}.csv`)),
      button("PNG", "Download the chart as a picture", async () => {
        const figure = dressed(state.source);
        figure.layout.paper_bgcolor = colour("--surface");
        const size = { format: "png", width: Math.max(640, plot.clientWidth), height: figure.layout.height || 320, scale: 2 };
        save(await Plotly.toImage(figure, size), `${name}.png`);
      }),
    );
    holder.replaceChildren(plot, numbers, tools);
    const { data, layout } = dressed(source);
    await Plotly.newPlot(plot, data, layout, { displayModeBar: false, responsive: false });
    plot.on("plotly_click", (event) => {
      if (!event.points || !event.points.length) return;
      const point = nearest(event.points, event.event, plot.getBoundingClientRect());
      const detail = { x: point.x, link: point.customdata, phase: (point.data.meta || {}).phase };
      holder.dispatchEvent(new CustomEvent("chart:point", { bubbles: true, detail }));
    });
    drawn.set(holder, state);
    new ResizeObserver(() => { if (!plot.hidden && plot.clientWidth) Plotly.Plots.resize(plot); }).observe(holder);
    holder.dispatchEvent(new CustomEvent("chart:drawn", { bubbles: true }));
  };

  document.addEventListener("chart:extend", (event) => {
    const state = drawn.get(event.target);
    if (!state) return;
    const { extend = {}, replace = {}, figure } = event.detail;
    if (figure) {
      state.source = figure;
      const { data, layout } = dressed(figure);
      Plotly.react(state.plot, data, layout);
    }
    for (const [key, more] of Object.entries(extend)) {
      const there = state.source.data[key];
      const last = there && there.x.length ? there.x[there.x.length - 1] : -Infinity;
      const first = more.x.findIndex((x) => x > last);  // what a chart that was loaded later has already
      if (!there || first < 0) delete extend[key];
      else extend[key] = { x: more.x.slice(first), y: more.y.slice(first) };
    }
    const numbers = Object.keys(extend);
    for (const key of numbers) {
      state.source.data[key].x.push(...extend[key].x);
      state.source.data[key].y.push(...extend[key].y);
    }
    if (numbers.length) {
      const more = { x: numbers.map((key) => extend[key].x), y: numbers.map((key) => extend[key].y) };
      Plotly.extendTraces(state.plot, more, numbers.map(Number));
    }
    for (const [key, value] of Object.entries(replace)) {
      const trace = state.source.data[key];
      if (!trace || JSON.stringify([trace.x, trace.y]) === JSON.stringify([value.x, value.y])) continue;
      Object.assign(trace, value);
      Plotly.restyle(state.plot, { x: [value.x], y: [value.y] }, [Number(key)]);
    }
    if (!state.numbers.hidden) state.numbers.replaceChildren(asTable(state.source));
  });

  const drawAll = (root) => {
    if (!window.Plotly) return;
    const found = [...root.querySelectorAll("[data-chart]")];
    if (root.matches && root.matches("[data-chart]")) found.push(root);
    found.forEach(draw);
  };
  document.addEventListener("themechange", () => {
    for (const holder of document.querySelectorAll("[data-chart]")) {
      const state = drawn.get(holder);
      if (!state) continue;
      const { data, layout } = dressed(state.source);
      Plotly.react(state.plot, data, layout);
    }
  });
  document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => drawAll(document));
  else drawAll(document);
})();
