// A click on a dot opens the answer it stands for, below the chart.
document.addEventListener("chart:point", (event) => {
  const link = event.detail.link;
  if (!link) return;
  if (!window.htmx) { location.assign(link); return; }
  window.htmx.ajax("GET", link, { target: "#answer", swap: "outerHTML" }).then(() => {
    history.replaceState(history.state, "", link);
    const answer = document.getElementById("answer");
    answer.focus({ preventScroll: true });
    answer.scrollIntoView({ block: "nearest" });
  });
});
