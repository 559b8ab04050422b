"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const numbers = (text, Kind) =>
    new Kind(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const x = numbers(page.map.x, Float32Array), y = numbers(page.map.y, Float32Array);
  const row = numbers(page.map.row, Int32Array), cluster = numbers(page.map.cluster, Int32Array);
  const sure = numbers(page.map.confidence, Float32Array);
  const pixels = page.map.pixels ? numbers(page.map.pixels, Uint8Array) : null;
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = getComputedStyle(document.body).color, line = dark ? "#323842" : "#dfe3e8";
  const quiet = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: ink, family: "system-ui, sans-serif"},
    margin: {l: 48, r: 12, t: 28, b: 36}, showlegend: false, hovermode: "closest",
  };
  const options = {displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage"]};

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
  const bare = {showgrid: false, zeroline: false, showticklabels: false};
  const map = document.getElementById("map");
  const draw = () => Plotly.react(
    map, traces(), {...quiet, margin: {l: 4, r: 4, t: 4, b: 4}, xaxis: bare, yaxis: {...bare, scaleanchor: "x"},
    dragmode: "pan", uirevision: 1}, {...options, scrollZoom: true});

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
    if (pixels) {
      const [height, width, channels] = page.map.shape;
      const canvas = document.createElement("canvas"), size = height * width;
      canvas.width = width; canvas.height = height;
      const image = canvas.getContext("2d").createImageData(width, height);
      for (let i = 0; i < size; i++) {
        for (let c = 0; c < 3; c++) {
          image.data[4 * i + c] = pixels[(point * size + i) * channels + (channels === 3 ? c : 0)];
        }
        image.data[4 * i + 3] = 255;
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
      hover.append(canvas);
    }
    const facts = [`row ${row[point].toLocaleString()}`, page.clusters[cluster[point]].title,
      `confidence ${sure[point].toFixed(3)}`];
    if (page.map.text) facts.push(page.map.text[point]);
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
    Plotly.newPlot("tree", page.tree.lines.map(([xs, ys]) => ({
      x: xs, y: ys, mode: "lines", hoverinfo: "skip", line: {color: ink, width: 1.2},
    })), {...quiet, margin: {...quiet.margin, b: 90},
      xaxis: {tickvals: page.tree.at, ticktext: page.tree.titles.map(plain), showgrid: false, zeroline: false},
      yaxis: {gridcolor: line, zeroline: false, title: {text: "distance of centres"}}}, options);
  }
})();
