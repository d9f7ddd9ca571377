// Nothing typed is lost: forms marked `data-keep` are noted in this tab's session storage while one types, and offered
// back when the page is opened again after a lost sign-in, an error or a reload. A save that worked clears the note.
//
// `data-keep-bound` on the form says that the server has just sent the typed text back (an error to put right).
(() => {
  const PREFIX = "keep:";
  const PENDING = "keep-pending";
  const store = (() => { try { sessionStorage.setItem("keep-test", "1"); sessionStorage.removeItem("keep-test"); return sessionStorage; } catch { return null; } })();
  if (!store) return;

  const forms = [...document.querySelectorAll("form[data-keep]")];
  const keyOf = (form) => `${PREFIX}${location.pathname}#${form.id || forms.indexOf(form)}`;
  const kept = (element) => element.name && !["csrfmiddlewaretoken", "do", "then", "next"].includes(element.name) && !["password", "file", "submit", "button"].includes(element.type);

  const read = (form) => [...form.elements].filter(kept).flatMap((element) => {
    if (element.type === "radio" || element.type === "checkbox") return element.checked ? [[element.name, element.value]] : [];
    return [[element.name, element.value]];
  });
  const note = (form) => {
    try { store.setItem(keyOf(form), JSON.stringify({ at: Date.now(), values: read(form) })); } catch { /* full: the page still works */ }
  };

  // What became of the form that was sent last?
  const pending = (() => { try { return JSON.parse(store.getItem(PENDING) || "null"); } catch { return null; } })();
  if (pending) {
    const here = forms.find((form) => keyOf(form) === pending.key);
    const signingIn = document.querySelector("[data-keep-hold], input[autocomplete='current-password']");
    const wentElsewhere = location.pathname !== pending.action;
    const saved = here ? !here.hasAttribute("data-keep-bound") : wentElsewhere && !signingIn;
    if (saved) store.removeItem(pending.key);
    store.removeItem(PENDING);
  }

  const restore = (form, values) => {
    const left = new Map();
    for (const [name, value] of values) left.set(name, [...(left.get(name) || []), value]);
    for (const element of [...form.elements].filter(kept)) {
      const wanted = left.get(element.name);
      if (element.type === "radio" || element.type === "checkbox") element.checked = Boolean(wanted?.includes(element.value));
      else if (wanted?.length) element.value = wanted.shift();
      if (element.matches("textarea")) element.dispatchEvent(new Event("kept"));
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // Rows that the page does not have yet must come from the server: the form is sent once with the kept values.
  const needsRows = (form, values) => values.some(([name]) => /^\w+-\d+-/.test(name) && !form.elements.namedItem(name));
  const resend = (form, values) => {
    for (const [name, value] of values) {
      if (form.elements.namedItem(name)) continue;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    restore(form, values);
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "do", value: "refresh" }));
    form.submit();
  };

  const ago = (at) => {
    const minutes = Math.round((Date.now() - at) / 60000);
    if (minutes < 1) return "a moment ago";
    if (minutes < 60) return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
    return new Date(at).toLocaleString();
  };
  const offer = (form) => {
    let draft;
    try { draft = JSON.parse(store.getItem(keyOf(form)) || "null"); } catch { draft = null; }
    if (!draft || form.hasAttribute("data-keep-bound")) return;
    if (JSON.stringify(draft.values) === JSON.stringify(read(form))) { store.removeItem(keyOf(form)); return; }
    const bar = document.createElement("div");
    bar.className = "note note-warn keep-offer";
    bar.setAttribute("role", "status");
    const text = document.createElement("span");
    text.textContent = `You typed something here ${ago(draft.at)} that was not saved.`;
    const yes = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-plain btn-sm", textContent: "Bring it back" });
    const no = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-sm", textContent: "Throw it away" });
    yes.addEventListener("click", () => { bar.remove(); if (needsRows(form, draft.values)) resend(form, draft.values); else restore(form, draft.values); });
    no.addEventListener("click", () => { store.removeItem(keyOf(form)); bar.remove(); });
    bar.append(text, yes, no);
    form.before(bar);
  };

  for (const form of forms) {
    offer(form);
    let timer;
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => note(form), 300); });
    document.body.addEventListener("htmx:afterSwap", (event) => { if (form.contains(event.target)) note(form); });
    form.addEventListener("submit", (event) => {
      if (event.submitter?.name === "do") return;
      clearTimeout(timer);
      note(form);
      const action = new URL(event.submitter?.formAction || form.action, location.href).pathname;
      try { store.setItem(PENDING, JSON.stringify({ key: keyOf(form), action })); } catch { /* as above */ }
    });
  }
})();
