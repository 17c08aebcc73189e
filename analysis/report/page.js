"use strict";
// Learning curves that can be explored, and the filters of the ledger. No library, no request.

const SVG = "http://www.w3.org/2000/svg";
const MEASURES = {
  val: { name: "Validation accuracy", of: (variant) => variant.val },
  train: { name: "Training accuracy", of: (variant) => variant.train },
  gap: { name: "Training − validation", of: (variant) => variant.train.map((run, i) => run.map((x, e) => x - variant.val[i][e])) },
};
const MOST_BANDS = 4;  // around curves, before they hide each other
const SIZE = { width: 900, height: 336, left: 56, right: 14, top: 12, bottom: 44 };  // the width is that of its place

function element(name, attributes = {}, children = []) {
  const made = ["svg", "g", "path", "line", "text", "title"].includes(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Mean and SD (n − 1) over runs at each epoch.
function moments(runs) {
  return runs[0].map((_, epoch) => {
    const values = runs.map((run) => run[epoch]);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
  });
}

function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function choice(label, control) {
  return element("label", {}, [element("span", { class: "name" }, [label]), control]);
}

function explore(box) {
  const { scale, variants } = JSON.parse(box.querySelector("script").textContent);
  const epochs = variants[0].val[0].length;
  const shown = new Set(variants);
  let measure = "val";
  const hasBands = variants.some((variant) => variant.band);
  let lines = variants.length > MOST_BANDS ? "only" : hasBands ? "band" : "mean";
  let epoch = epochs;

  const toggles = variants.map((variant) => {
    const input = element("input", { type: "checkbox", checked: "" });
    input.addEventListener("change", () => {
      input.checked ? shown.add(variant) : shown.delete(variant);
      draw();
    });
    const swatch = element("svg", { class: "swatch", viewBox: "0 0 30 4", "aria-hidden": "true" }, [
      element("path", { d: "M0 2h30", style: `stroke: ${variant.colour}`, "stroke-dasharray": variant.dashes }),
    ]);
    return element("label", {}, [input, swatch, `${variant.label} (n = ${variant.seeds.length})`]);
  });
  const select = (names, change) => {
    const made = element("select", {}, Object.entries(names).map(([value, text]) => element("option", { value }, [text])));
    made.addEventListener("change", () => { change(made.value); draw(); });
    return made;
  };
  const measures = select(Object.fromEntries(Object.entries(MEASURES).map(([key, { name }]) => [key, name])), (value) => { measure = value; });
  const kinds = select({ ...(hasBands ? { band: "mean, 95 % band of the difference" } : {}), mean: "mean ± SD", runs: "single runs and mean", only: "mean" }, (value) => { lines = value; });
  kinds.value = lines;
  const slider = element("input", { type: "range", min: 1, max: epochs, value: epochs });
  slider.addEventListener("input", () => point(Number(slider.value)));
  const chart = element("svg", { role: "img", "aria-label": `Learning curves: ${box.dataset.name}` });
  const readout = element("div", { class: "readout", role: "status" });
  box.append(
    element("div", { class: "controls" }, [
      element("fieldset", {}, [element("legend", {}, ["Variants"]), ...toggles]),
      choice("Measure", measures),
      choice("Lines", kinds),
      element("label", { class: "epoch" }, [element("span", { class: "name" }, ["Epoch"]), slider]),
    ]),
    chart,
    readout,
  );

  let width = SIZE.width;
  const x = (e) => SIZE.left + ((e - 1) / Math.max(1, epochs - 1)) * (width - SIZE.left - SIZE.right);
  let y;
  const path = (values) => values.map((value, i) => `${i ? "L" : "M"}${x(i + 1).toFixed(1)},${y(value).toFixed(1)}`).join("");

  // Ends of what is shown around a mean: ± SD, or the band, which the baseline and other measures do not have.
  function around(variant, summary) {
    if (lines === "mean") return [-1, 1].map((sign) => summary.map(({ mean, sd }) => mean + sign * sd));
    return (lines === "band" && measure === "val" && variant.band) || [];
  }

  function draw() {
    width = chart.clientWidth || SIZE.width;
    const curves = [...shown].map((variant) => {
      const runs = MEASURES[measure].of(variant);
      const summary = moments(runs);
      return { variant, runs, summary, ends: around(variant, summary) };
    });
    const extent = curves.flatMap(({ runs, summary, ends }) =>
      lines === "runs" ? runs.flat() : [...summary.map(({ mean }) => mean), ...ends.flat()]);
    // Not Math.min(...extent): a study may have more values than a call takes arguments.
    let low = extent.reduce((a, b) => Math.min(a, b), extent.length ? Infinity : 0);
    let high = extent.reduce((a, b) => Math.max(a, b), extent.length ? -Infinity : scale);
    if (high - low < scale / 1000) { low -= scale / 100; high += scale / 100; }
    const margin = (high - low) / 25;
    low -= margin;
    high += margin;
    y = (value) => SIZE.top + ((high - value) / (high - low)) * (SIZE.height - SIZE.top - SIZE.bottom);
    chart.replaceChildren();
    for (const tick of ticks(low, high, 6)) {
      chart.append(
        element("line", { class: "axis", x1: SIZE.left, x2: width - SIZE.right, y1: y(tick), y2: y(tick) }),
        element("text", { x: SIZE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, [`${+((100 * tick) / scale).toFixed(2)} %`]),
      );
    }
    for (const tick of ticks(1, epochs, width > 600 ? 10 : 5).filter((value) => Number.isInteger(value) && value > 0)) {
      chart.append(element("text", { x: x(tick), y: SIZE.height - SIZE.bottom + 20, "text-anchor": "middle" }, [tick]));
    }
    chart.append(element("text", { x: (SIZE.left + width) / 2, y: SIZE.height - 4, "text-anchor": "middle" }, ["Epoch"]));
    for (const { variant, runs, summary, ends } of curves) {
      const colour = { fill: "none", style: `stroke: ${variant.colour}` };
      if (lines === "runs") {
        runs.forEach((run, i) =>
          chart.append(element("path", { d: path(run), ...colour, "stroke-width": 0.8, opacity: 0.45 }, [element("title", {}, [`${variant.label}, seed ${variant.seeds[i]}`])])));
      }
      if (ends.length) {
        const [lower, upper] = ends;
        const back = lower.map((value, i) => `L${x(i + 1).toFixed(1)},${y(value).toFixed(1)}`).reverse().join("");
        chart.append(element("path", { d: `${path(upper)}${back}Z`, style: `fill: ${variant.colour}`, opacity: 0.16 }));
      }
      chart.append(element("path", { d: path(summary.map(({ mean }) => mean)), ...colour, "stroke-width": 2.2, "stroke-dasharray": variant.dashes }));
    }
    chart.append(element("line", { class: "cursor", y1: SIZE.top, y2: SIZE.height - SIZE.bottom }));
    report(curves);
  }

  function report(curves) {
    const cursor = chart.querySelector(".cursor");
    cursor.setAttribute("x1", x(epoch));
    cursor.setAttribute("x2", x(epoch));
    slider.value = epoch;
    slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    const percent = (value) => ((100 * value) / scale).toFixed(2);
    const rows = curves.map(({ variant, runs, summary }) => {
      const values = runs.map((run) => run[epoch - 1]);
      const { mean, sd } = summary[epoch - 1];
      const cells = [variant.label, `${percent(mean)} %`, values.length > 1 ? percent(sd) : "–", `${percent(Math.min(...values))} to ${percent(Math.max(...values))}`];
      return element("tr", {}, cells.map((cell) => element("td", {}, [cell])));
    });
    const head = [`Epoch ${epoch}`, "Mean", "SD, points", "Min to max"];
    readout.replaceChildren(
      element("table", {}, [
        element("thead", {}, [element("tr", {}, head.map((name) => element("th", { scope: "col" }, [name])))]),
        element("tbody", {}, rows),
      ]),
    );
  }

  function point(at) {
    epoch = Math.min(epochs, Math.max(1, at));
    report([...shown].map((variant) => {
      const runs = MEASURES[measure].of(variant);
      return { variant, runs, summary: moments(runs) };
    }));
  }
  chart.addEventListener("pointermove", (event) => {
    const frame = chart.getBoundingClientRect();
    const place = event.clientX - frame.left;
    point(Math.round(1 + ((place - SIZE.left) / (width - SIZE.left - SIZE.right)) * (epochs - 1)));
  });
  draw();
  new ResizeObserver(() => { if (chart.clientWidth !== width) draw(); }).observe(chart);
}

// Rows of tables that fit all that is chosen: in selects by their value, in boxes by the verdict, in a field by its text.
function filter(controls) {
  const place = document.getElementById(controls.dataset.filter);
  const rows = [...place.querySelectorAll("tr[data-verdict]")];
  const selects = [...controls.querySelectorAll("select")];
  const boxes = [...controls.querySelectorAll("[type=checkbox]")];
  const search = controls.querySelector("[type=search]");
  const status = controls.querySelector("[role=status]");
  let hasAsked = false;
  function apply() {
    const words = (search?.value ?? "").toLowerCase();
    const verdicts = boxes.filter((box) => box.checked).map((box) => box.value);
    let count = 0;
    for (const row of rows) {
      const group = row.closest("details")?.querySelector("h3").textContent ?? "";
      const fits = selects.every((select) => !select.value || row.dataset[select.dataset.by] === select.value)
        && (!boxes.length || verdicts.includes(row.dataset.verdict))
        && `${group}, ${row.textContent}`.toLowerCase().includes(words);
      row.hidden = !fits;
      count += fits;
    }
    const asks = Boolean(words || selects.some((select) => select.value));
    for (const group of place.querySelectorAll("details")) {
      group.hidden = rows.every((row) => row.hidden || !group.contains(row));
      if (asks || hasAsked) group.open = asks && !group.hidden;  // before, a link may have opened it
    }
    hasAsked = asks;
    status.textContent = `${count} of ${rows.length} claims`;
  }
  [...selects, ...boxes].forEach((control) => control.addEventListener("change", apply));
  search?.addEventListener("input", apply);
  apply();
}

// The field beside the contents searches the table of all claims, and goes there.
function searchFromAnywhere() {
  const form = document.querySelector("nav .search");
  const field = document.querySelector("[data-filter=claims] [type=search]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    field.value = form.querySelector("input").value;
    field.dispatchEvent(new Event("input"));
    document.getElementById("ledger").scrollIntoView();
    field.focus({ preventScroll: true });
  });
}

// On a phone a row stands as lines, each cell with the name of its column.
function nameCells() {
  for (const table of document.querySelectorAll("table.stacked")) {
    const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => cell.setAttribute("data-name", names[i]));
  }
}

function markPlace() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  document.querySelectorAll("h2[id]").forEach((heading) => seen.observe(heading));
}

document.querySelectorAll(".explorer").forEach(explore);
document.querySelectorAll("[data-filter]").forEach(filter);
searchFromAnywhere();
nameCells();
markPlace();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
