// Draws the live charts over the static ones, shows tooltips, browses the examples, saves CSV. Text from data only ever
// becomes textContent. On <html>: data-charts counts live charts, data-errors failures, data-ready says all were tried.
(() => {
  "use strict";
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const datasets = read("datasets");
  const specs = read("specs");
  const answers = read("answers");
  const add = (name) => { root.dataset[name] = String(Number(root.dataset[name] || 0) + 1); };
  root.dataset.charts = "0";
  root.dataset.errors = "0";
  document.addEventListener("securitypolicyviolation", () => add("errors"));

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Tooltip
  const tip = document.getElementById("tip");
  const tooltip = (handler, event, item, value) => {
    if (!value || typeof value !== "object") { tip.hidden = true; return; }
    tip.replaceChildren(...Object.entries(value).filter(([, v]) => v !== null && v !== "null" && v !== "").map(([key, v]) => {
      const line = element("div");
      line.append(element("b", key), element("span", String(v)));
      return line;
    }));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const y = event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18;
    tip.style.left = `${Math.max(8, x)}px`;
    tip.style.top = `${Math.max(8, y)}px`;
  };
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // Charts
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };
  const wanted = (box, meta) => Math.max(meta.minWidth, box.clientWidth);
  const draw = async (box) => {
    const spec = structuredClone(specs[box.dataset.chart]);
    const meta = spec.usermeta;
    // Vega writes on the rows it is given, so every chart gets rows of its own.
    spec.datasets = Object.fromEntries(meta.datasets.map((name) => [name, structuredClone(datasets[name])]));
    if (meta.fits) spec.width = wanted(box, meta);
    if (box.clientWidth < 520) {
      spec.config.legend.columns = 1;
      spec.config.legend.labelLimit = 210;
      if (meta.minWidth <= 360) spec.config.axis.labelLimit = 120;
    }
    delete spec.usermeta;
    const stage = element("div");
    stage.hidden = false;
    try {
      const { view } = await vegaEmbed(stage, spec, {
        mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip, loader,
      });
      box.replaceChildren(stage);
      if (meta.fits) {
        let width = spec.width;
        new ResizeObserver(() => {
          const now = wanted(box, meta);
          if (Math.abs(now - width) > 1) { width = now; view.width(now).runAsync(); }
        }).observe(box);
      }
      if (!root.dataset.first) root.dataset.first = String(Math.round(performance.now()));
      add("charts");
    } catch (error) {
      console.error(box.dataset.chart, error);
      add("errors");
    }
  };
  const boxes = [...document.querySelectorAll("[data-chart]")];
  const pending = new Set(boxes);
  const start = (box) => {
    if (!pending.delete(box)) return Promise.resolve();
    return draw(box).then(() => { if (!pending.size) root.dataset.ready = "yes"; });
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); start(entry.target); }
  }, { rootMargin: "600px" });
  boxes.forEach((box) => near.observe(box));
  // What is far below is drawn when nothing else is to be done, so that printing and searching find live charts.
  const idle = (work) => setTimeout(work, 30);
  const rest = () => { const box = boxes.find((one) => pending.has(one)); if (box) start(box).then(() => idle(rest)); };
  idle(rest);
  if (!boxes.length) root.dataset.ready = "yes";

  // CSV
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))]
    .map((cells) => cells.map(field).join(",")).join("\n") + "\n";
  for (const button of document.querySelectorAll("[data-csv]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const link = element("a");
      link.href = URL.createObjectURL(new Blob([csv(datasets[button.dataset.csv])], { type: "text/csv" }));
      link.download = button.dataset.file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  // Light and dark
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Examples
  const browser = document.getElementById("browser");
  const filters = [...browser.querySelectorAll("[data-filter]")];
  const place = document.getElementById("place");
  const back = document.getElementById("back");
  const next = document.getElementById("next");
  const shown = document.getElementById("example");
  let found = answers;
  let at = 0;
  const show = () => {
    back.disabled = at <= 0;
    next.disabled = at >= found.length - 1;
    place.textContent = found.length ? `${at + 1} of ${found.length}` : "No answer of this kind was drawn";
    shown.hidden = !found.length;
    if (!found.length) return;
    const row = found[at];
    const kind = filters.some((one) => one.dataset.filter === "questions") ? ` · ${row.questions}` : "";
    const where = element("p", `${row.model} · ${row.task} · ${row.category}${kind} · `, "where");
    where.append(element("strong", row.outcome));
    const facts = element("dl");
    for (const [name, value] of [
      ["Read as", row.read], ["Reading rule", row.rule], ["Right answer", row.right], ...row.facts,
      ["Length", row.length], ["Item", row.item],
    ]) {
      const line = element("div");
      line.append(element("dt", name), element("dd", String(value)));
      facts.append(line);
    }
    shown.replaceChildren(
      where, element("h3", "Prompt"), element("pre", row.prompt), ...thought(row), element("h3", "Response"),
      element("pre", row.response), facts,
    );
  };
  const thought = (row) => row.thinking === undefined ? [] : [element("h3", "Thinking"), element("pre", row.thinking)];
  const narrow = () => {
    found = answers.filter((row) => filters.every((one) => !one.value || row[one.dataset.filter] === one.value));
    at = 0;
    show();
  };
  if (answers.length) {
    for (const one of filters) {
      one.append(new Option("all", ""), ...[...new Set(answers.map((row) => row[one.dataset.filter]))].map((v) => new Option(v, v)));
      one.addEventListener("change", narrow);
    }
    back.addEventListener("click", () => { at -= 1; show(); });
    next.addEventListener("click", () => { at += 1; show(); });
    document.getElementById("few").hidden = true;
    browser.hidden = false;
    show();
  }
})();
