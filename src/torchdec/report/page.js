"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const numbers = (text, Kind) =>
    new Kind(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const x = numbers(page.map.x, Float32Array), y = numbers(page.map.y, Float32Array);
  const row = numbers(page.map.row, Int32Array), cluster = numbers(page.map.cluster, Int32Array);
  const sure = numbers(page.map.confidence, Float32Array);
  const sheet = page.map.sheet ? Object.assign(new Image(), {src: page.map.sheet}) : null;
  const features = page.map.features;
  const which = features ? numbers(features.which, Int32Array) : null;
  const by = features ? numbers(features.by, Float32Array) : null;
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = getComputedStyle(document.body).color, line = dark ? "#323842" : "#dfe3e8";
  const quiet = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: ink, family: "system-ui, sans-serif"},
    margin: {l: 48, r: 12, t: 28, b: 36}, showlegend: false, hovermode: "closest",
    modebar: {bgcolor: "rgba(0,0,0,0)", color: dark ? "#a2abb7" : "#5b6470", activecolor: ink},
  };
  // Plotly offers to upload a chart to its makers' server; a page that holds somebody's rows must not.
  const options = {responsive: true, displayModeBar: false, showSendToCloud: false, plotlyServerURL: ""};

  // Plotly reads a little markup in its texts; names are no markup.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  // The map: one trace a cluster, so that a selection only changes opacities.
  let selected = null, least = 0;
  const members = page.clusters.map(() => []);
  cluster.forEach((number, point) => members[number].push(point));
  const shown = (number) => members[number].filter((point) => sure[point] >= least);
  const traces = () => page.clusters.map((about, number) => {
    const points = shown(number);
    return {
      type: "scattergl", mode: "markers", name: plain(about.title), customdata: points,
      x: points.map((point) => x[point]), y: points.map((point) => y[point]), hoverinfo: "none",
      opacity: selected === null || selected === number ? 1 : 0.08,
      marker: {size: cluster.length > 4000 ? 4 : 6, color: about.color},
    };
  });
  // Each cluster has its name where the middle of its dots lies.
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const labels = page.clusters.length > 60 ? [] : page.clusters.flatMap((about, number) => members[number].length ? [{
    x: median(members[number].map((point) => x[point])), y: median(members[number].map((point) => y[point])),
    text: plain(about.title.length > 24 ? about.title.slice(0, 23) + "…" : about.title), showarrow: false,
    font: {size: 13, color: ink}, bgcolor: dark ? "rgba(20,23,27,.7)" : "rgba(255,255,255,.75)", borderpad: 2,
    captureevents: false,
  }] : []);
  const bare = {showgrid: false, zeroline: false, showticklabels: false};
  const map = document.getElementById("map");
  const draw = () => Plotly.react(
    map, traces(), {...quiet, margin: {l: 4, r: 4, t: 4, b: 4}, xaxis: bare, yaxis: {...bare, scaleanchor: "x"},
    annotations: labels, dragmode: "pan", uirevision: 1}, {...options, scrollZoom: true, displaylogo: false, displayModeBar: true,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage", "zoom2d", "pan2d", "autoScale2d"]});

  const lines = [...document.querySelectorAll("tr.choice")];
  const select = (number) => {
    selected = selected === number ? null : number;
    lines.forEach((element, index) => element.setAttribute("aria-selected", String(index === selected)));
    document.getElementById("all").disabled = selected === null;
    draw();
  };
  lines.forEach((element, index) => {
    element.addEventListener("click", () => select(index));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(index); }
    });
  });
  document.getElementById("all").addEventListener("click", () => { if (selected !== null) select(selected); });
  const slider = document.getElementById("sure");
  slider.addEventListener("input", () => {
    least = Number(slider.value) / 100;
    document.getElementById("least").textContent = least.toFixed(2);
    draw();
  });

  // What lies under the pointer: its picture or text, and where it was put. textContent never makes markup.
  const hover = document.getElementById("hover");
  const tell = (point) => {
    hover.replaceChildren();
    if (sheet) {
      const [height, width] = page.map.shape, perLine = page.map.per_line;
      const canvas = document.createElement("canvas");
      canvas.width = width; canvas.height = height;
      canvas.getContext("2d").drawImage(
        sheet, (point % perLine) * width, Math.floor(point / perLine) * height, width, height, 0, 0, width, height);
      hover.append(canvas);
    }
    const facts = [`row ${row[point].toLocaleString()}`, `cluster ${page.clusters[cluster[point]].title}`,
      `confidence ${sure[point].toFixed(3)}`];
    if (page.map.text) facts.push(page.map.text[point]);
    for (let i = 0; features && i < features.each; i++) {
      const place = point * features.each + i, sign = by[place] < 0 ? "−" : "+";
      facts.push(`${features.names[which[place]]} ${sign}${Math.abs(by[place]).toFixed(1)} sd`);
    }
    facts.forEach((fact) => {
      const paragraph = document.createElement("div");
      paragraph.textContent = fact;
      hover.append(paragraph);
    });
  };

  draw().then(() => {
    map.on("plotly_hover", (event) => tell(event.points[0].customdata));
    map.on("plotly_click", (event) => {
      const number = cluster[event.points[0].customdata];
      if (selected !== number) select(number);
      lines[number].scrollIntoView({block: "nearest"});
    });
    document.body.dataset.ready = "true";
  });

  for (const chart of page.charts) {
    const axes = {xaxis: {title: {text: chart.x_title}, gridcolor: line, zeroline: false},
      yaxis: {gridcolor: line, zeroline: false, rangemode: "tozero"}};
    Plotly.newPlot(chart.id, chart.lines.map((values, number) => ({
      x: chart.x, y: values, mode: chart.x.length < 40 ? "lines+markers" : "lines", name: plain(chart.names[number]),
      line: {color: chart.colors ? chart.colors[number] : dark ? "#86acff" : "#2458c5", width: 1.5},
    })), {...quiet, ...axes, title: {text: chart.title, font: {size: 14}, x: 0, xanchor: "left"}}, options);
  }
  if (page.tree) {
    const {at, colors, lines: branches, titles} = page.tree;
    Plotly.newPlot("tree", [
      ...branches.map(([xs, ys]) => ({
        x: xs, y: ys, mode: "lines", hoverinfo: "skip", line: {color: ink, width: 1.2},
      })),
      {x: at, y: at.map(() => 0), mode: "markers", hoverinfo: "skip", cliponaxis: false, marker: {size: 9, color: colors}},
    ], {...quiet, margin: {...quiet.margin, t: 8},
      xaxis: {tickvals: at, ticktext: titles.map(plain), automargin: true, showgrid: false, zeroline: false,
        range: [0, 10 * at.length]},
      yaxis: {gridcolor: line, zeroline: false, rangemode: "tozero", title: {text: "distance of centres"}}}, options);
  }
})();
