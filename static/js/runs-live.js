// Keeps an open training's page live: a tick every two seconds while somebody looks, new points for the charts,
// and a click on a curve that opens the answers of that step.
(() => {
  const live = document.getElementById("run-live");
  if (!live) return;
  let since = Number(live.dataset.since);
  let open = live.hasAttribute("data-open");
  let busy = false;
  let ticks = 0;

  const figures = () => [...document.querySelectorAll("[data-figure]")];

  const fetchPoints = async () => {
    if (busy) return;
    busy = true;
    try {
      const names = figures().map((one) => one.dataset.figure).join(",");
      const answer = await fetch(`${live.dataset.points}?since=${since}&charts=${names}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const news = await answer.json();
      for (const holder of figures()) {
        const more = news.charts[holder.dataset.figure];
        if (more) holder.dispatchEvent(new CustomEvent("chart:extend", { bubbles: true, detail: more }));
      }
      since = news.next;
      if (open && !news.open) document.body.dispatchEvent(new CustomEvent("studio:tick"));  // it has ended: load the end
      open = news.open;
    } catch {
      // The studio does not answer just now; the next tick asks again and the page's own notice says so.
    } finally {
      busy = false;
    }
  };

  setInterval(() => {
    if (!open || document.hidden) return;
    ticks += 1;
    document.body.dispatchEvent(new CustomEvent("studio:tick"));
    if (ticks % 3 === 0) document.body.dispatchEvent(new CustomEvent("studio:slow-tick"));
    fetchPoints();
  }, 2000);
  document.addEventListener("visibilitychange", () => { if (open && !document.hidden) fetchPoints(); });

  document.addEventListener("chart:point", (event) => {
    const step = Math.round(Number(event.detail.x));
    if (!Number.isFinite(step) || !window.htmx) return;
    // A chart of other figures than answers says nothing of them; steps that copy reference answers sample none.
    const phase = event.detail.phase || (step <= Number(live.dataset.copying) ? "valid" : "train");
    const address = `${location.pathname}?tab=answers&phase=${phase}&step=${step}`;
    window.htmx.ajax("GET", address, { target: "#tab", swap: "outerHTML" }).then(() => {
      history.pushState({ htmx: true }, "", address);
      document.getElementById("tab").scrollIntoView({ block: "start" });
      document.querySelector("#answers summary")?.focus({ preventScroll: true });
    });
  });
})();
