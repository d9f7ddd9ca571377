// The table of items: tick all, say how many are ticked, keep addresses short, move with the keyboard.
const items = () => document.getElementById("items");
const ticks = () => [...(items()?.querySelectorAll('input[name="item"]') ?? [])];

const count = () => {
  const ticked = ticks().filter((tick) => tick.checked).length;
  const label = items()?.querySelector("[data-ticked]");
  if (label) label.textContent = ticked === 1 ? "1 item:" : `${ticked} items:`;
};

let last = null; // shift ticks everything between the last tick and this one
document.addEventListener("click", (event) => {
  const tick = event.target.closest?.('input[name="item"]');
  if (!tick) return;
  const all = ticks();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(tick)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = tick.checked;
  }
  last = tick;
  count();
});

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-tick-all]")) for (const tick of ticks()) tick.checked = event.target.checked;
  if (event.target.matches?.('[data-tick-all], input[name="item"]')) count();
});

// An empty filter does not belong in the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters") return;
  const parameters = event.detail.parameters;
  for (const [name, value] of [...parameters.entries()]) if (value === "") parameters.delete(name);
});

// The tabs carry the other filters, and the filters carry the tab: keep the hidden field in step with the address.
document.addEventListener("htmx:pushedIntoHistory", () => {
  const form = document.getElementById("filters");
  const hidden = form?.querySelector('input[type="hidden"][name="split"]');
  const split = new URLSearchParams(location.search).get("split");
  if (hidden && split) hidden.value = split;
});

// In a cell: Enter saves, Escape leaves. Between cells: arrows move.
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.(".cell-form");
  if (form) {
    if (event.key === "Escape") {
      event.preventDefault();
      form.querySelector("[data-cancel]").click();
    } else if (event.key === "Enter" && (event.target.matches("select") || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  const cell = event.target.closest?.(".cell-open");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = cell.closest("tr");
  const place = [...row.querySelectorAll(".cell-open")].indexOf(cell);
  const go = (target, index) => {
    const found = target?.querySelectorAll(".cell-open")[index];
    if (found) { event.preventDefault(); found.focus(); }
  };
  if (event.key === "ArrowDown") go(row.nextElementSibling, place);
  else if (event.key === "ArrowUp") go(row.previousElementSibling, place);
  else if (event.key === "ArrowRight") go(row, place + 1);
  else if (event.key === "ArrowLeft" && place > 0) go(row, place - 1);
  else if (event.key === " ") { event.preventDefault(); cell.click(); }
});
