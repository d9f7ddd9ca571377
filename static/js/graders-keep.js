// Nothing typed is lost: while the builder holds something unsaved it is noted in this tab's session storage, and offered
// back when the page is opened again after a lost sign-in or a reload. The server draws the form anew from the note.
(() => {
  const form = document.querySelector("form#builder");
  const store = (() => { try { sessionStorage.setItem("keep-test", "1"); sessionStorage.removeItem("keep-test"); return sessionStorage; } catch { return null; } })();
  if (!form || !store || !document.getElementById("save")) return;
  const key = `keep:${new URL(form.action).pathname}#builder`;
  const unsaved = () => document.querySelector("#bar-status [data-unsaved]");
  const own = ([name]) => !["csrfmiddlewaretoken", "op", "undo"].includes(name);
  const note = (typed) => {
    try {
      if (typed || unsaved()) store.setItem(key, JSON.stringify([...new FormData(form)].filter(own)));
      else store.removeItem(key);
    } catch { /* full: the page still works */ }
  };

  const bringBack = (values) => {
    const again = Object.assign(document.createElement("form"), { method: "post", action: form.action, hidden: true });
    const token = form.elements.namedItem("csrfmiddlewaretoken").value;
    for (const [name, value] of [["csrfmiddlewaretoken", token], ...values]) {
      const field = Object.assign(document.createElement("textarea"), { name, value });
      again.append(field);
    }
    document.body.append(again);
    again.submit();
  };
  const kept = (() => { try { return JSON.parse(store.getItem(key) || "null"); } catch { return null; } })();
  if (kept && !unsaved()) {
    const bar = Object.assign(document.createElement("div"), { className: "note note-warn row-gap" });
    bar.setAttribute("role", "status");
    const text = Object.assign(document.createElement("span"), { textContent: "You changed this grader earlier in this tab and did not save it." });
    const yes = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-plain btn-sm", textContent: "Bring it back" });
    const no = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-sm", textContent: "Throw it away" });
    yes.addEventListener("click", () => bringBack(kept));
    no.addEventListener("click", () => { store.removeItem(key); bar.remove(); });
    bar.append(text, yes, no);
    form.before(bar);
  }
  // Every score brings word whether something is unsaved; what is typed after a lost sign-in gets no score, and is noted.
  let timer;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => note(true), 200); });
  document.addEventListener("htmx:afterSettle", () => { clearTimeout(timer); note(false); });
})();
