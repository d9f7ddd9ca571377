// Keeps the chart of several trainings up to date while one of them runs and somebody looks.
(() => {
  let busy = false;
  setInterval(async () => {
    const part = document.querySelector("#chart-part[data-open]");
    if (!part || document.hidden || busy) return;
    busy = true;
    try {
      const answer = await fetch(part.dataset.figureUrl, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const news = await answer.json();
      const chart = part.isConnected && part.querySelector("[data-chart]");
      // A training that has its first figures comes into the legend as well.
      if (news.figure.data.length !== Number(part.dataset.traces)) {
        await window.htmx.ajax("GET", location.href, { target: "#chart-part", swap: "outerHTML" });
      } else if (chart) chart.dispatchEvent(new CustomEvent("chart:extend", { bubbles: true, detail: { figure: news.figure } }));
      if (!news.open) location.reload();  // the tables below are of the end now
    } catch {
      // The studio does not answer just now; the next round asks again.
    } finally {
      busy = false;
    }
  }, 4000);
})();
