"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = Array.from(document.querySelectorAll("[data-figure]"));
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
  const themed = () => ({ "font.color": ink(), "hoverlabel.bgcolor": paper(), "hoverlabel.font.color": ink() });
  for (const plot of plots) {
    const figure = figures[plot.dataset.figure];
    const layout = figure.layout;
    layout.font.color = ink();
    layout.hoverlabel.bgcolor = paper();
    layout.hoverlabel.font = { color: ink() };
    layout.dragmode = false;
    Plotly.newPlot(plot, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  }
  dark.addEventListener("change", () => plots.forEach((plot) => Plotly.relayout(plot, themed())));
})();
