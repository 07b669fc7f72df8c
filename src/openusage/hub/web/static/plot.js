// The stacked chart, drawn from the table behind it: one place for the figures, with or without a script.
"use strict";

const plot = (() => {
  const GAP = 40; // pixels beside the middle of a bar, half of which is 32
  const off = new Set(); // keys of the parts that are switched off
  let host = null;
  let chart = null;
  let shown = null;

  /** The table as arrays; `null` when there is none. */
  function read() {
    const table = document.querySelector("#chart-table table");
    if (!table) return null;
    const rows = [...table.tBodies[0].rows];
    const parts = [...document.querySelectorAll("#chart .legend button")].map((button, at) => ({
      key: button.dataset.key,
      name: button.querySelector(".who").textContent,
      colour: button.dataset.colour,
      values: rows.map((row) => Number(row.cells[at + 1].dataset.v)),
      texts: rows.map((row) => row.cells[at + 1].textContent),
    }));
    return {
      unit: table.dataset.unit,
      ticks: rows.map((row) => row.cells[0].dataset.tick),
      days: rows.map((row) => row.cells[0].textContent),
      totals: rows.map((row) => row.cells[parts.length + 1].textContent),
      parts,
    };
  }

  /** For uPlot: x, then the whole stack, then what is left of it without its uppermost part, and so on. */
  function stacked(data) {
    const sum = data.days.map(() => 0);
    const layers = data.parts.map((part) => {
      if (!off.has(part.key)) part.values.forEach((value, at) => (sum[at] += value));
      return [...sum];
    });
    return [data.days.map((_, at) => at), ...layers.reverse()];
  }

  function options(data) {
    const style = getComputedStyle(host);
    const colour = (name) => style.getPropertyValue(name).trim();
    const font = `12px ${style.fontFamily}`;
    const axis = { stroke: colour("--dim"), font, ticks: { show: false } };
    return {
      width: host.clientWidth,
      height: host.clientHeight,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      padding: [12, 16, 0, 0],
      scales: {
        x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.04 : 1] },
      },
      axes: [
        {
          ...axis,
          size: 30,
          grid: { show: false },
          splits: () => marks(data.ticks.length, host.clientWidth),
          values: (_, at) => at.map((i) => data.ticks[i] ?? ""),
        },
        {
          ...axis,
          size: 52,
          space: 38,
          grid: { stroke: colour("--line"), width: 1 },
          values: (_, at) => words.marks(at, data.unit),
        },
      ],
      series: [
        {},
        ...[...data.parts].reverse().map((part) => ({
          fill: colour(`--part-${part.colour}`),
          stroke: colour("--page"),
          width: data.days.length > 45 ? 0 : 1 / devicePixelRatio,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.72, 64] }),
        })),
      ],
      hooks: { setCursor: [(made) => tell(made, made.cursor.idx)] },
    };
  }

  /** Which of so many marks have room for their words: the last one always, then evenly before it. */
  function marks(count, width) {
    const every = Math.ceil(count / Math.max(1, Math.floor((width - 52) / 64)));
    const found = [];
    for (let at = count - 1; at >= 0; at -= every) found.unshift(at);
    return found;
  }

  function element(tag, kind, text) {
    const made = document.createElement(tag);
    made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  /** What the bar under the pointer is made of. */
  function tell(made, at) {
    const tip = host.querySelector(".tip");
    const is = at !== null && at !== undefined && made.cursor.left >= 0;
    tip.hidden = !is;
    if (!is) return;
    const lines = shown.parts.filter((part) => !off.has(part.key) && part.values[at] > 0);
    tip.replaceChildren(element("p", "day", shown.days[at]));
    for (const part of lines.reverse()) {
      const line = element("p", `part c${part.colour}`);
      line.append(element("i", "dot"), element("span", "who", part.name), element("b", "n", part.texts[at]));
      tip.append(line);
    }
    if (!off.size) {
      const line = element("p", "sum");
      line.append(element("span", "who", "Total"), element("b", "n", shown.totals[at]));
      tip.append(line);
    }
    const x = made.valToPos(at, "x") + made.over.offsetLeft;
    const right = x + GAP + tip.offsetWidth > host.clientWidth;
    tip.style.left = `${Math.max(0, right ? x - GAP - tip.offsetWidth : x + GAP)}px`;
  }

  /** The arrow keys move from bar to bar, and a screen reader hears it. */
  function onKey(event) {
    if (!chart) return;
    const last = shown.days.length - 1;
    const at = chart.cursor.left >= 0 ? chart.cursor.idx : null;
    const next = {
      ArrowLeft: at === null ? last : Math.max(0, at - 1),
      ArrowRight: at === null ? 0 : Math.min(last, at + 1),
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape") return chart.setCursor({ left: -10, top: -10 });
    if (next === undefined) return;
    event.preventDefault();
    chart.setCursor({ left: chart.valToPos(next, "x"), top: 10 });
    const said = shown.parts
      .filter((part) => !off.has(part.key) && part.values[next] > 0)
      .map((part) => `${part.name} ${part.texts[next]}`);
    if (!off.size) said.unshift(shown.totals[next]);
    host.querySelector(".said").textContent = `${shown.days[next]}: ${said.join(", ")}`;
  }

  function mount(found) {
    host = found;
    const said = element("p", "said sr");
    said.setAttribute("aria-live", "polite");
    const tip = element("div", "tip");
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    host.replaceChildren(tip, said);
    host.addEventListener("keydown", onKey);
    host.addEventListener("blur", () => chart?.setCursor({ left: -10, top: -10 }));
    sizes.observe(host);
  }

  /** Draws anew what is in the page now. */
  function sync() {
    const found = document.querySelector("#plot");
    if (found !== host) {
      if (host) sizes.unobserve(host);
      chart?.destroy();
      chart = host = null;
      if (found) mount(found);
    }
    const before = shown;
    shown = host && read();
    if (!shown) return;
    for (const button of document.querySelectorAll("#chart .legend button")) {
      button.setAttribute("aria-pressed", String(!off.has(button.dataset.key)));
    }
    if (!chart || !before || shape(before) !== shape(shown)) draw();
    else if (figures(before) !== figures(shown)) chart.setData(stacked(shown));
  }

  const shape = (data) => JSON.stringify([data.unit, data.ticks, data.parts.map((part) => part.colour)]);
  const figures = (data) => JSON.stringify([data.parts, data.totals]);

  function draw() {
    const at = chart?.cursor.left >= 0 ? chart.cursor.idx : null;
    chart?.destroy();
    chart = new uPlot(options(shown), stacked(shown), host);
    if (at !== null) chart.setCursor({ left: chart.valToPos(at, "x"), top: 10 });
  }

  const sizes = new ResizeObserver(() => {
    if (chart && host.clientWidth) chart.setSize({ width: host.clientWidth, height: host.clientHeight });
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => shown && chart && draw());

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#chart .legend button");
    if (!button) return;
    const key = button.dataset.key;
    if (!off.delete(key)) off.add(key);
    if (off.size >= shown.parts.length) off.clear(); // the last one off: all on again
    sync();
    chart.setData(stacked(shown));
  });

  return { sync };
})();
