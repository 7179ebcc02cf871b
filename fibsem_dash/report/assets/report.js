"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const plots = [];
  let robust = true;
  let zooming = false;

  // Frames are whole numbers.
  const steps = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((p) => [p, 2 * p, 5 * p]);
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const isDark = () => root.dataset.theme === "dark";
  // Black is the eighth colour of the palette and needs its opposite on a dark page.
  const colour = (c) => (isDark() && c === "#000000" ? "#f2f2f2" : c);
  const element = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const expand = (x) => (Array.isArray(x) ? x : Array.from({ length: x.n }, (_, k) => x.start + k));

  const shown = (v, digits) => {
    if (v === null || v === undefined) return "–";
    const size = Math.abs(v);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return v.toExponential(3);
    return String(Number(v.toPrecision(digits)));
  };

  function limits(panel) {
    return (u, low, high) => {
      if (low === null || high === null) return [0, 1];
      if (robust && panel.limits) {
        const [a, b] = [Math.max(low, panel.limits[0]), Math.min(high, panel.limits[1])];
        if (a < b) [low, high] = [a, b];
      }
      const pad = high > low ? 0.06 * (high - low) : Math.abs(high) * 0.05 || 1;
      return [low - pad, high + pad];
    };
  }

  // As many decimals as tell neighbouring ticks apart.
  const ticks = (u, splits, axis, space, step) => {
    let decimals = 0;
    for (let s = step; decimals < 12 && Math.abs(s - Math.round(s)) > 1e-6 * s; s *= 10) decimals++;
    return splits.map((v) => (v === null ? "" : v.toFixed(decimals).replace("-", "\u2212")));
  };

  function axes(group, panel) {
    const common = {
      stroke: () => variable("--fg-soft"),
      grid: { stroke: () => variable("--grid"), width: 1 },
      ticks: { stroke: () => variable("--grid"), width: 1 },
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      labelGap: 2,
      values: ticks,
    };
    const width = (u, values) => 18 + 7 * Math.max(4, ...(values || []).map((v) => v.length));
    return [
      { ...common, label: group.xlabel, labelSize: 18, size: 30, incrs: steps },
      { ...common, label: panel.ylabel, labelSize: 20, size: width },
    ];
  }

  function options(group, panel, width, keys) {
    const series = panel.series.map((s) => ({
      label: s.name,
      stroke: () => colour(s.colour),
      width: s.width || 1,
      dash: s.dash ? [6, 4] : undefined,
      points: { show: (u, k, first, last) => last - first < 80, size: 4 },
    }));
    return {
      width,
      height: panel.height || 210,
      padding: [8, 14, 0, 0],
      scales: { x: { time: false }, y: { range: limits(panel) } },
      axes: axes(group, panel),
      series: [{}, ...series],
      legend: { show: false },
      focus: { alpha: 0.2 },
      cursor: {
        drag: { x: true, y: false },
        sync: { key: group.link, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      },
      hooks: { setCursor: [(u) => keys.update(u)], setScale: [share] },
    };
  }

  function share(u, key) {
    if (key !== "x" || zooming || !u.ready) return;
    zooming = true;
    const { min, max } = u.scales.x;
    const own = plots.find((p) => p.u === u);
    for (const p of plots) {
      if (p.u && p.u !== u && own && p.group.link === own.group.link) p.u.setScale("x", { min, max });
    }
    zooming = false;
  }

  function makeKeys(head, group, panel) {
    const frame = element("span", "at", "");
    const values = panel.series.map((s, k) => {
      const key = element("button", "key");
      key.type = "button";
      key.title = `${s.name}: click to hide or show`;
      const swatch = element("i", s.dash ? "dash" : "");
      swatch.dataset.colour = s.colour;
      key.append(swatch);
      if (!group.shared) key.append(element("span", "", s.name));
      const value = element("b", "", "");
      key.append(value);
      key.addEventListener("click", () => mute(group, panel, k));
      key.addEventListener("mouseenter", () => focus(group, panel, k, true));
      key.addEventListener("mouseleave", () => focus(group, panel, k, false));
      head.append(key);
      return { key, value };
    });
    head.append(frame);
    return {
      values,
      update(u) {
        const at = u.cursor.idx;
        const none = at === null || at === undefined;
        frame.textContent = none ? "" : `${group.xlabel.split(" ")[0].toLowerCase()} ${u.data[0][at]}`;
        values.forEach((v, k) => (v.value.textContent = none ? "" : shown(u.data[k + 1][at], group.shared ? 4 : 7)));
      },
    };
  }

  const related = (group, panel) =>
    plots.filter((p) => (group.shared ? p.group === group : p.panel === panel));

  function mute(group, panel, k) {
    const name = panel.series[k].name;
    for (const p of related(group, panel)) {
      const at = p.panel.series.findIndex((s) => s.name === name);
      if (at < 0) continue;
      const hidden = (p.hidden[at] = !p.hidden[at]);
      p.keys.values[at].key.classList.toggle("off", hidden);
      if (p.u) p.u.setSeries(at + 1, { show: !hidden });
    }
    document.querySelectorAll(`.legend[data-group="${group.id}"] .key`).forEach((key) => {
      if (key.dataset.name === name) key.classList.toggle("off");
    });
    focus(group, panel, k, true);
  }

  function focus(group, panel, k, on) {
    const name = panel.series[k].name;
    for (const p of related(group, panel)) {
      const at = p.panel.series.findIndex((s) => s.name === name);
      if (p.u && at >= 0) p.u.setSeries(on && !p.hidden[at] ? at + 1 : null, { focus: true });
    }
  }

  function addLegend(place, group) {
    const names = new Map();
    group.panels.forEach((panel) => panel.series.forEach((s, k) => {
      if (!names.has(s.name)) names.set(s.name, [panel, k, s.colour]);
    }));
    const bar = element("div", "legend");
    bar.dataset.group = group.id;
    for (const [name, [panel, k, c]] of names) {
      const key = element("button", "key");
      key.type = "button";
      key.dataset.name = name;
      key.title = "Click to hide or show";
      const swatch = element("i");
      swatch.dataset.colour = c;
      key.append(swatch, element("span", "", name));
      key.addEventListener("click", () => mute(group, panel, k));
      key.addEventListener("mouseenter", () => focus(group, panel, k, true));
      key.addEventListener("mouseleave", () => focus(group, panel, k, false));
      bar.append(key);
    }
    place.before(bar);
  }

  function addGroup(group) {
    const place = document.getElementById(`plots-${group.id}`);
    const x = expand(group.x);
    if (group.shared) addLegend(place, group);
    for (const panel of group.panels) {
      const card = element("figure", group.shared ? "plot shared" : "plot");
      const head = element("figcaption");
      head.append(element("strong", "", panel.title));
      const canvas = element("div", "canvas");
      card.append(head, canvas);
      place.append(card);
      const p = { group, panel, canvas, hidden: [], u: null };
      p.keys = makeKeys(head, group, panel);
      p.data = [x, ...panel.series.map((s) => s.y)];
      plots.push(p);
      watcher.observe(canvas);
    }
  }

  // A folded section has no width; its plots are made when it is opened.
  const watcher = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const p = plots.find((q) => q.canvas === entry.target);
      const width = Math.floor(entry.contentRect.width);
      if (!p || width < 50) continue;
      if (!p.u) {
        p.u = new uPlot(options(p.group, p.panel, width, p.keys), p.data, p.canvas);
        p.u.ready = true;
      } else if (p.u.width !== width) {
        p.u.setSize({ width, height: p.u.height });
      }
    }
  });

  function paintSwatches() {
    document.querySelectorAll("[data-colour]").forEach((node) => {
      node.style.setProperty("--c", colour(node.dataset.colour));
    });
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
    paintSwatches();
    plots.forEach((p) => p.u && p.u.redraw(false));
  }

  function addList() {
    const place = document.getElementById("inputs");
    if (!place || !data.inputs) return;
    const { names, sizes, notes } = data.inputs;
    const height = 24;
    const inner = element("div", "rows");
    inner.style.height = `${height * names.length}px`;
    place.append(inner);
    const draw = () => {
      const first = Math.max(0, Math.floor(place.scrollTop / height) - 5);
      const last = Math.min(names.length, first + Math.ceil(place.clientHeight / height) + 10);
      const rows = [];
      for (let k = first; k < last; k++) {
        const row = element("div", notes[k] ? "row bad" : "row");
        row.style.top = `${k * height}px`;
        row.append(
          element("span", "num", String(k)), element("span", "name", names[k]),
          element("span", "num", sizes[k]), element("span", "", notes[k] || ""),
        );
        rows.push(row);
      }
      inner.replaceChildren(...rows);
    };
    place.addEventListener("scroll", draw);
    new ResizeObserver(draw).observe(place);
  }

  data.groups.forEach(addGroup);
  addList();
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.getElementById("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  document.querySelectorAll("input.robust").forEach((box) => box.addEventListener("change", () => {
    robust = box.checked;
    document.querySelectorAll("input.robust").forEach((other) => (other.checked = robust));
    zooming = true;
    plots.forEach((p) => p.u && p.u.setScale("x", { min: p.u.scales.x.min, max: p.u.scales.x.max }));
    zooming = false;
  }));
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
})();
