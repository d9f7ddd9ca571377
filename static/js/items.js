// With the keyboard: j and k move between the tasks of a page (and on to the next page), / goes to the search, and a
// letter follows the link that names it with data-key, as n and p do between the steps of a training.
(() => {
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");
  const items = () => [...document.querySelectorAll("[data-item]")];

  const at = (all) => {
    const focused = all.indexOf(document.activeElement?.closest?.("[data-item]"));
    if (focused >= 0) return focused;
    // Nothing focused: the first task whose head is on the screen counts as the one before the next.
    const first = all.findIndex((item) => item.getBoundingClientRect().top >= 0);
    return first < 0 ? all.length - 1 : first - 1;
  };

  const move = (by) => {
    const all = items();
    const next = all[at(all) + by];
    if (next) {
      (next.querySelector(":scope > summary") || next).focus({ preventScroll: true });
      next.scrollIntoView({ block: "start" });
      return;
    }
    document.querySelector(`[data-items] .pages a[rel="${by > 0 ? "next" : "prev"}"]`)?.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const link = /^[a-z]$/.test(event.key) && document.querySelector(`a[data-key="${event.key}"]`);
    if (link) link.click();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "/") document.querySelector("#item-filter input[type=search]")?.focus();
    else return;
    event.preventDefault();
  });
})();
