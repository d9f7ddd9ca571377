// What every page has: menus that close, dialogs that open, messages that leave, a lost sign-in that is told.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog) { event.preventDefault(); dialog.showModal(); }
  }
  const closer = event.target.closest("[data-close]");
  if (closer) {
    const dialog = closer.closest("dialog");
    if (dialog) dialog.close();
    else closer.closest(".toast-line, .flash")?.remove();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});

// A fragment that meets the sign-in page, or no server at all, must say so instead of failing silently.
const tell = (text, link) => {
  const box = document.getElementById("toasts");
  if (!box || box.querySelector(`[data-text="${CSS.escape(text)}"]`)) return;
  const line = document.createElement("div");
  line.className = "toast-line";
  line.dataset.text = text;
  line.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (link) line.append(Object.assign(document.createElement("a"), { href: link.href, textContent: link.text }));
  box.append(line);
};
document.addEventListener("htmx:sendError", () => tell("The studio does not answer. What you typed is still here; try again in a moment."));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.querySelector('.toast-line[data-text^="The studio does not answer"]')?.remove();
});
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 401) tell("You are signed out. Sign in in a new tab, then go on here.", { href: "/sign-in/", text: "Sign in" });
  else if (status === 403) tell("You may look at this, but not change it.");
  else if (status >= 500) tell("Something went wrong on our side. What you typed is still here.");
});

// A chosen tab that lies beside the visible part of its bar is brought into it; the page itself stays where it is.
const showChosen = (root) => {
  for (const chosen of root.querySelectorAll('.tabs > [aria-current], .tabs > [aria-selected="true"]')) {
    const bar = chosen.parentElement;
    const [outer, inner] = [bar.getBoundingClientRect(), chosen.getBoundingClientRect()];
    if (inner.left < outer.left) bar.scrollLeft -= outer.left - inner.left;
    else if (inner.right > outer.right) bar.scrollLeft += inner.right - outer.right;
  }
};
document.addEventListener("htmx:load", (event) => showChosen(event.detail.elt));
showChosen(document);

// What scrolls on its own must be reachable with the keyboard; what fits is no stop on the way.
const reachable = () => {
  for (const one of document.querySelectorAll(".table-scroll, pre")) {
    const scrolls = one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight;
    if (scrolls && !one.hasAttribute("tabindex")) { one.tabIndex = 0; one.dataset.reachable = ""; }
    else if (!scrolls && "reachable" in one.dataset) { one.removeAttribute("tabindex"); delete one.dataset.reachable; }
  }
};
addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);
document.addEventListener("htmx:load", reachable);
reachable();
