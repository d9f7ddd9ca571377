// Rows of a rubric (or of any grader that holds others) put in order: dragged by their grip, or moved by Alt and an arrow
// key. Both press what the page has anyway: the row's own buttons, or one hidden button that says where a row was dropped.
(() => {
  const form = document.getElementById("builder");
  const drop = document.getElementById("row-drop");
  if (!form || !drop) return;

  form.addEventListener("keydown", (event) => {
    if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key) || event.target.closest(".cm-editor")) return;
    const row = event.target.closest("[data-row]");
    const button = row?.querySelector(`:scope > .row-buttons [id$="-${event.key === "ArrowUp" ? "up" : "down"}"], :scope > .row-line > .row-buttons [id$="-${event.key === "ArrowUp" ? "up" : "down"}"]`);
    if (!button) return;
    event.preventDefault();
    if (button.getAttribute("aria-disabled") !== "true") button.click();
  });

  let held = null;
  const rowsOf = (list) => [...list.children].filter((row) => row.matches("[data-row]"));
  // Between which rows the pointer is: the place that the row would have.
  const placeAt = (y) => {
    const others = rowsOf(held.list).filter((row) => row !== held.row);
    const below = others.findIndex((row) => { const box = row.getBoundingClientRect(); return y < box.top + box.height / 2; });
    return below < 0 ? others.length : below;
  };
  const show = () => {
    const others = rowsOf(held.list).filter((row) => row !== held.row);
    for (const row of others) row.classList.remove("drop-above", "drop-below");
    if (held.place === held.first) return;
    if (held.place < others.length) others[held.place].classList.add("drop-above");
    else others[others.length - 1]?.classList.add("drop-below");
  };
  const letGo = (commit) => {
    if (!held) return;
    const { list, row, place, first } = held;
    row.classList.remove("held");
    for (const each of rowsOf(list)) each.classList.remove("drop-above", "drop-below");
    held = null;
    if (commit && place !== first) {
      drop.value = `move:${list.dataset.rows}:${row.dataset.row}:${place}`;
      drop.click();
      drop.value = "";
    }
  };
  form.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    const row = grip?.closest("[data-row]");
    if (!row || event.button > 0) return;
    event.preventDefault();
    const list = row.parentElement;
    const first = rowsOf(list).indexOf(row);
    held = { list, row, first, place: first };
    row.classList.add("held");
    grip.setPointerCapture(event.pointerId);
  });
  form.addEventListener("pointermove", (event) => {
    if (!held) return;
    held.place = placeAt(event.clientY);
    show();
    const edge = 60;
    if (event.clientY < edge) window.scrollBy(0, -12);
    else if (event.clientY > innerHeight - edge) window.scrollBy(0, 12);
  });
  form.addEventListener("pointerup", () => letGo(true));
  form.addEventListener("pointercancel", () => letGo(false));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") letGo(false); });
})();
