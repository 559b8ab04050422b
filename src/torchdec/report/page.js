"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const numbers = (text, Kind) =>
    new Kind(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const x = numbers(page.map.x, Float32Array), y = numbers(page.map.y, Float32Array);
  const row = numbers(page.map.row, Int32Array), cluster = numbers(page.map.cluster, Int32Array);
  const sure = numbers(page.map.confidence, Float32Array);
  const columns = page.map.columns.map((column) => ({
    ...column, which: numbers(column.which, Int32Array), values: column.values && numbers(column.values, Float64Array),
  }));
  const sheet = page.map.sheet ? Object.assign(new Image(), {src: page.map.sheet}) : null;
  const get = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const make = (tag, text, about = {}) => Object.assign(document.createElement(tag), {textContent: text, ...about});
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = getComputedStyle(document.body).color, line = dark ? "#323842" : "#dfe3e8";
  const quiet = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: ink, family: "system-ui, sans-serif"},
    margin: {l: 48, r: 12, t: 28, b: 36}, showlegend: false, hovermode: "closest",
    hoverlabel: {namelength: -1}, modebar: {bgcolor: "rgba(0,0,0,0)", color: dark ? "#a2abb7" : "#5b6470", activecolor: ink},
  };
  // Plotly offers to upload a chart to its makers' server; a page that holds somebody's rows must not.
  const options = {responsive: true, displayModeBar: false, showSendToCloud: false, plotlyServerURL: ""};
  // Plotly reads a little markup in its texts; names are no markup.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const short = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;
  const title = (number) => page.clusters[number].title;
  const name = (point) => page.map.name ? page.map.name[point] : `row ${row[point].toLocaleString()}`;

  // What the map shows: the clusters or a column, of one cluster or all, of rows that were searched for or all.
  const state = {selected: null, least: 0, found: null, color: "cluster"};
  const members = page.clusters.map(() => []);
  cluster.forEach((number, point) => members[number].push(point));

  // How points are coloured: a colour for each, and lines of a legend.
  const hues = ["#3b6fd4", "#e07b39", "#2f9e63", "#c94f7c", "#8a63d2", "#a8892c", "#26a3b8", "#d0544f", "#6b8e23", "#9a6b4f"];
  const scale = ["#3d4fa1", "#2a86a8", "#37a877", "#9bbf3f", "#f0c63a"];
  const rest = "#9aa2ad";
  const ofLevels = (of, texts) => {
    const counts = texts.map(() => 0);
    of.forEach((level) => counts[level]++);
    const order = texts.map((_, level) => level).sort((a, b) => counts[b] - counts[a]);
    const color = texts.map((_, level) => hues[order.indexOf(level)] ?? rest);
    return {colors: Array.from(of, (level) => color[level]),
      legend: order.slice(0, 20).map((level) => ({text: texts[level], color: color[level], count: counts[level]}))};
  };
  const ofNumbers = (values, tell) => {
    const known = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
    const at = (share) => known[Math.round(share * (known.length - 1))];
    const [low, high] = [at(.02), at(.98)];
    const colors = Array.from(values, (value) => Number.isFinite(value)
      ? scale[Math.min(4, Math.max(0, Math.floor(5 * (value - low) / (high - low || 1))))] : rest);
    return {colors, gradient: [low, at(.5), high].map(tell)};
  };
  const coloring = () => {
    if (state.color === "cluster") return null;
    if (state.color === "confidence") return ofNumbers(sure, (value) => value.toFixed(2));
    const [kind, index] = state.color.split(" ");
    if (kind === "level") {
      const groups = page.levels[index], n = Math.max(...groups) + 1;
      const texts = Array.from({length: n}, (_, group) => short(
        groups.flatMap((own, number) => own === group ? [title(number)] : []).join(" + "), 60));
      return ofLevels(Array.from(cluster, (number) => groups[number]), texts);
    }
    const column = columns[index];
    if (!column.values) return ofLevels(column.which, column.texts);
    // A number is told as its column writes it: by the text of a row that has it.
    const written = new Map(Array.from(column.values, (value, point) => [value, column.texts[column.which[point]]]));
    return ofNumbers(column.values, (value) => written.get(value));
  };
  const choice = get("color");
  page.levels.forEach((groups, index) => choice.append(make("option", `${Math.max(...groups) + 1} groups`, {value: `level ${index}`})));
  choice.append(make("option", "confidence", {value: "confidence"}));
  columns.forEach((column, index) => choice.append(make("option", short(column.name, 40), {value: `column ${index}`})));

  const map = get("map"), bare = {showgrid: false, zeroline: false, showticklabels: false};
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const middles = members.map((points) => points.length
    ? [median(points.map((point) => x[point])), median(points.map((point) => y[point]))] : null);
  let painted = null;
  const traces = () => page.clusters.map((about, number) => {
    const points = members[number].filter((point) => sure[point] >= state.least);
    const bright = (point) => (state.selected === null || state.selected === number) && (!state.found || state.found.has(point));
    return {
      type: "scattergl", mode: "markers", name: plain(about.title), customdata: points, hoverinfo: "none",
      x: points.map((point) => x[point]), y: points.map((point) => y[point]),
      opacity: state.selected === null || state.selected === number ? 1 : 0.08,
      marker: {
        size: cluster.length > 4000 ? 5 : 7, color: painted ? points.map((point) => painted.colors[point]) : about.color,
        opacity: state.found ? points.map((point) => bright(point) ? 1 : 0.06) : 0.8,
      },
    };
  });
  // Each cluster has its name where the middle of its dots lies, unless that would cover the name of a larger one.
  const labels = () => {
    const axes = map._fullLayout, placed = [], order = members.map((_, number) => number)
      .filter((number) => middles[number]).sort((a, b) => members[b].length - members[a].length);
    if (!axes?.xaxis?._length) return [];
    return order.flatMap((number) => {
      const text = short(title(number), map.clientWidth < 600 ? 18 : 34);
      const left = axes.xaxis.l2p(middles[number][0]), top = axes.yaxis.l2p(middles[number][1]);
      const wide = 4.2 * text.length + 6, inside = left > 0 && left < axes.xaxis._length && top > 0 && top < axes.yaxis._length;
      if (!inside || placed.some(([l, t, w]) => Math.abs(l - left) < w + wide && Math.abs(t - top) < 24)) return [];
      placed.push([left, top, wide]);
      const at = Math.min(Math.max(left, wide), axes.xaxis._length - wide);
      return [{x: axes.xaxis.p2l(at), y: middles[number][1], text: plain(text), showarrow: false, captureevents: false, borderpad: 2,
        font: {size: 13, color: ink}, bgcolor: dark ? "rgba(20,23,27,.75)" : "rgba(255,255,255,.8)"}];
    });
  };
  const figure = () => ({...quiet, margin: {l: 4, r: 4, t: 4, b: 4}, xaxis: bare, yaxis: bare, dragmode: map._fullLayout?.dragmode ?? "pan", uirevision: 1,
    annotations: labels()});
  const draw = () => Plotly.react(map, traces(), figure(), {...options, scrollZoom: true, displaylogo: false, displayModeBar: true,
    modeBarButtonsToRemove: ["select2d", "toImage", "zoom2d", "autoScale2d"]});

  const legend = get("legend");
  const paintLegend = () => {
    const item = (child) => { const element = document.createElement("li"); element.append(child); return element; };
    if (!painted) {
      legend.replaceChildren(...page.clusters.map((about, number) => {
        const button = make("button", "", {type: "button", onclick: () => select(number)});
        button.append(make("span", number, {className: "badge", style: `background: ${about.color}`}), make("span", about.title),
          make("span", members[number].length.toLocaleString(), {className: "count"}));
        button.setAttribute("aria-pressed", String(state.selected === number));
        return item(button);
      }));
    } else if (painted.gradient) {
      const bar = make("div", "", {className: "scale", style: `background: linear-gradient(90deg, ${scale.join(", ")})`});
      const ends = make("li", "", {className: "plain"});
      ends.append(...painted.gradient.map((text) => make("span", text)));
      legend.replaceChildren(item(bar), ends);
    } else {
      legend.replaceChildren(...painted.legend.map(({text, color, count}) => {
        const one = make("li", "", {className: "plain"}), words = make("span", "");
        words.append(make("span", "", {className: "dot", style: `background: ${color}`}), text);
        one.append(words, make("span", count.toLocaleString(), {className: "count"}));
        return one;
      }));
    }
  };
  const refresh = () => {
    get("all").disabled = state.selected === null && !state.found && state.least === 0;
    all("tr.choice").forEach((element) => element.setAttribute("aria-selected", String(Number(element.dataset.cluster) === state.selected)));
    paintLegend();
    return draw();
  };
  const select = (number) => { state.selected = state.selected === number ? null : number; return refresh(); };

  // What lies under the pointer: its picture or text, and where it was put. textContent never makes markup.
  const tell = (point) => {
    const lines = [make("b", name(point))];
    if (sheet) {
      const [height, width] = page.map.shape, perLine = page.map.per_line;
      const canvas = make("canvas", "", {width, height});
      canvas.getContext("2d").drawImage(
        sheet, (point % perLine) * width, Math.floor(point / perLine) * height, width, height, 0, 0, width, height);
      lines.unshift(canvas);
    }
    lines.push(make("div", `in ${title(cluster[point])}, confidence ${sure[point].toFixed(3)}`));
    if (page.map.text) lines.push(make("div", page.map.text[point]));
    columns.slice(0, 12).forEach((column) => lines.push(make("div", `${column.name} ${column.texts[column.which[point]]}`)));
    get("hover").replaceChildren(...lines);
  };

  const search = get("search");
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    const holds = (point) => name(point).toLowerCase().includes(wanted)
      || (page.map.text?.[point] ?? "").toLowerCase().includes(wanted)
      || columns.some((column) => column.texts[column.which[point]].toLowerCase() === wanted);
    state.found = wanted ? new Set(Array.from(row.keys()).filter(holds)) : null;
    get("found").textContent = state.found ? `${state.found.size.toLocaleString()} of ${row.length.toLocaleString()} rows` : "";
    if (state.found?.size) tell([...state.found][0]);
    refresh();
  };
  search.addEventListener("input", find);
  choice.addEventListener("change", () => { state.color = choice.value; painted = coloring(); refresh(); });
  const least = (value) => { get("sure").value = value; state.least = value / 100; get("least").textContent = state.least.toFixed(2); };
  get("sure").addEventListener("input", (event) => { least(Number(event.target.value)); refresh(); });
  get("all").addEventListener("click", () => { state.selected = null; search.value = ""; least(0); find(); });

  // The view of a cluster, opened from its card, the table or another view.
  const view = (number) => {
    all("dialog[open]").forEach((open) => open.close());
    get(`cluster-${number}`).showModal();
  };
  all("button.open, button.step").forEach((button) => button.addEventListener("click", () => view(button.dataset.cluster)));
  all("button.show").forEach((button) => button.addEventListener("click", () => {
    button.closest("dialog").close();
    state.selected = null;
    select(Number(button.dataset.cluster));
    map.scrollIntoView({block: "center"});
  }));

  // Edits: a list that `torchdec edit` replays. Clusters are named by their numbers on this page, rows by theirs.
  const saved = JSON.parse(document.querySelector("meta[name=edits]")?.content ?? "[]");
  const edits = [], original = page.clusters.map((about) => about.title);
  const quoted = (number) => `“${original[number]}”`;
  const told = {
    rename: (edit) => `${quoted(edit.cluster)} is called “${edit.name}”`,
    merge: (edit) => `${quoted(edit.clusters[0])} and ${quoted(edit.clusters[1])} become one`,
    split: (edit) => `${quoted(edit.cluster)} is cut into ${edit.into}`,
    note: (edit) => `${quoted(edit.cluster)}: ${edit.text}`,
    move: (edit) => `${edit.rows.length.toLocaleString()} rows go to ${quoted(edit.into)}`,
    noise: (edit) => `${edit.rows.length.toLocaleString()} rows belong nowhere`,
  };
  let chosen = [], unsaved = false;
  const changed = () => {
    unsaved = edits.length > 0;
    get("edits").hidden = !edits.length;
    get("saved").textContent = "";
    get("edits").firstChild.replaceChildren(...edits.map((edit) => make("li", told[edit.edit](edit))));
    page.clusters.forEach((about, number) => { about.title = original[number]; });
    edits.filter((edit) => edit.edit === "rename").forEach((edit) => { page.clusters[edit.cluster].title = edit.name || original[edit.cluster]; });
    all("[data-called]").forEach((element) => { element.textContent = title(Number(element.dataset.called)); });
    return refresh();
  };
  const choose = (points) => {
    chosen = points;
    get("selection").hidden = !points.length;
    get("selection").firstChild.textContent = `${points.length.toLocaleString()} rows of the map are selected.`;
  };
  const made = (kind, box) => {
    const number = Number(box.dataset.cluster), value = (selector) => box.querySelector(selector).value.trim();
    const rows = chosen.map((point) => row[point]);
    return {
      rename: () => ({cluster: number, name: value(".name")}),
      merge: () => ({clusters: [number, Number(value(".other"))]}),
      split: () => ({cluster: number, into: Number(value(".parts"))}),
      note: () => value(".text") && {cluster: number, text: value(".text")},
      move: () => ({rows, into: Number(value("select"))}),
      noise: () => ({rows}),
    }[kind]();
  };
  all("[data-edit]").forEach((button) => button.addEventListener("click", () => {
    const kind = button.dataset.edit, edit = made(kind, button.closest("details, #selection"));
    if (!edit) return;
    edits.push({edit: kind, ...edit});
    button.closest("details")?.removeAttribute("open");
    button.closest("dialog")?.close();
    choose([]);
    changed();
  }));
  edits.push(...saved.filter((edit) => told[edit.edit]));
  if (edits.length) {
    changed();
    unsaved = false;
  }
  get("undo").addEventListener("click", () => { edits.pop(); changed(); });
  get("save").addEventListener("click", async () => {
    const text = JSON.stringify({format: "torchdec edits", edits}, null, 1);
    const server = document.querySelector("meta[name=save]")?.content;
    if (server) {
      const answer = await fetch(server, {method: "POST", body: text}).catch(() => null);
      get("saved").textContent = answer?.ok ? await answer.text() : "Not saved: is torchdec open still running?";
      unsaved = !answer?.ok;
      return;
    }
    const link = make("a", "", {href: URL.createObjectURL(new Blob([text], {type: "application/json"})), download: "edits.json"});
    link.click();
    get("saved").textContent = "Replay them with: torchdec edit RUN edits.json -o NEW";
    unsaved = false;
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  // The table: sorted by a column, filtered by what its lines say.
  const body = document.querySelector("table.clusters tbody"), heads = all("table.clusters thead th");
  heads.forEach((head, index) => head.firstChild.addEventListener("click", () => {
    const down = head.ariaSort === "ascending" ? -1 : 1;
    heads.forEach((other) => { other.ariaSort = "none"; });
    head.ariaSort = down === 1 ? "ascending" : "descending";
    const value = (element) => element.children[index].dataset.value ?? element.children[index].textContent;
    const compare = (a, b) => head.classList.contains("number") || index === 0 ? value(a) - value(b) : value(a).localeCompare(value(b));
    body.append(...[...body.children].sort((a, b) => down * compare(a, b)));
  }));
  get("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    [...body.children].forEach((element) => { element.hidden = !element.textContent.toLowerCase().includes(wanted); });
  });

  // Cards fill their lines: as many columns as leave the last line the least empty.
  const cards = document.querySelector(".cards");
  const arrange = () => {
    const k = cards.children.length, most = Math.max(1, Math.floor(cards.clientWidth / 320));
    const choices = Array.from({length: Math.ceil(most / 2)}, (_, less) => Math.min(most - less, k));
    const empty = (n) => Math.ceil(k / n) * n - k;
    cards.style.setProperty("--columns", choices.reduce((best, n) => empty(n) < empty(best) ? n : best));
  };
  arrange();
  window.addEventListener("resize", arrange);

  all(".export button").forEach((button) => button.addEventListener("click", () => {
    const id = button.parentElement.dataset.figure, {clientWidth: width, clientHeight: height} = get(id);
    Plotly.downloadImage(id, {format: button.dataset.format, width, height, filename: id, scale: button.dataset.format === "png" ? 2 : 1});
  }));

  paintLegend();
  draw().then(refresh).then(() => {
    map.on("plotly_hover", (event) => tell(event.points[0].customdata));
    map.on("plotly_click", (event) => {
      const number = cluster[event.points[0].customdata];
      if (state.selected !== number) select(number);
    });
    map.on("plotly_selected", (event) => choose(event ? event.points.map((point) => point.customdata) : []));
    map.on("plotly_relayout", (event) => { if (!event.annotations) Plotly.relayout(map, {annotations: labels()}); });
    document.body.dataset.ready = "true";
  });

  for (const chart of page.charts) {
    const axes = {xaxis: {title: {text: chart.x_title}, gridcolor: line, zeroline: false, automargin: true},
      yaxis: {gridcolor: line, zeroline: false, rangemode: "tozero", automargin: true}};
    Plotly.newPlot(chart.id, chart.lines.map((values, number) => ({
      x: chart.x, y: values, mode: chart.x.length < 40 ? "lines+markers" : "lines", name: plain(chart.names[number]),
      line: {color: chart.colors ? chart.colors[number] : dark ? "#86acff" : "#2458c5", width: 1.5},
    })), {...quiet, ...axes, title: {text: chart.title, font: {size: 14}, x: 0, xanchor: "left"}}, options);
  }
  if (page.tree) {
    const {at, colors, lines: branches, titles} = page.tree, tree = get("tree");
    tree.style.height = `${Math.max(160, 26 * at.length + 60)}px`;
    const most = tree.clientWidth < 600 ? 20 : 48;
    Plotly.newPlot(tree, [
      ...branches.map(([ys, xs]) => ({
        x: xs, y: ys, mode: "lines", hoverinfo: "skip", line: {color: ink, width: 1.2},
      })),
      {x: at.map(() => 0), y: at, mode: "markers", hoverinfo: "skip", cliponaxis: false, marker: {size: 9, color: colors}},
    ], {...quiet, margin: {...quiet.margin, t: 8},
      yaxis: {tickvals: at, ticktext: titles.map((text) => plain(short(text, most))), automargin: true, showgrid: false, zeroline: false,
        range: [10 * at.length, 0], ticklabelstandoff: 8},
      xaxis: {gridcolor: line, zeroline: false, rangemode: "tozero", automargin: true, title: {text: "distance of centres"}}}, options);
  }
})();
