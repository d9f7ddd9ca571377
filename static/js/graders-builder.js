// The builder while one types: errors beside their fields, shares, names and JSON kept up with the form. The server
// works all of it out and sends it with the score; without this script the same page works by its buttons.
const form = document.getElementById("builder");
let jsonTouched = false;  // typed in the JSON, and not yet read by the server
let jsonSent = "";

const showErrors = (errors, places) => {
  for (const line of form.querySelectorAll("p.field-error[id$='-error']")) {
    if (line.id === "json-error") continue;
    const id = line.id.slice(0, -"-error".length);
    const text = errors[id] || "";
    line.textContent = text;
    line.hidden = !text;
    const control = document.getElementById(id);
    const [row, column] = places[id] || [];
    if (row) { line.dataset.line = row; line.dataset.column = column; } else { delete line.dataset.line; delete line.dataset.column; }
    control?.code?.mark(row ? [[row, column, text]] : []);
    if (!control) continue;
    control.classList.toggle("is-invalid", Boolean(text));
    if (text) {
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-errormessage", line.id);
      line.closest("details:not([open])")?.setAttribute("open", "");
    } else {
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-errormessage");
    }
  }
};

const showNames = (names) => {
  for (const [prefix, list] of Object.entries(names)) {
    const box = document.getElementById(`${prefix}-names-of`);
    if (!box || [...box.querySelectorAll("[data-insert]")].map((chip) => chip.dataset.insert).join() === list.join()) continue;
    box.replaceChildren(...list.flatMap((name) => {
      const chip = Object.assign(document.createElement("button"), { type: "button", className: "name-chip", textContent: name });
      chip.dataset.insert = name;
      chip.dataset.into = `id_${prefix}-calculate_output`;
      chip.setAttribute("aria-label", `Put ${name} into the formula`);
      return [chip, " "];
    }));
  }
};

// The JSON follows the form, except where it was typed in and could not be read, or is being typed in.
const showJson = (state) => {
  const json = document.getElementById("json");
  const was = document.getElementById("json-was");
  if (!json) return;
  const busy = json.code ? json.code.focused() : document.activeElement === json;
  const unread = Boolean(state.json_error);
  if (!unread && json.value === jsonSent) jsonTouched = false;
  if (!jsonTouched && !busy) {
    json.value = state.json;
    was.value = state.json_was;
    json.code?.set(state.json);
  } else if (state.json_taken && json.value === jsonSent) {
    was.value = state.json_taken;
  }
  const line = document.getElementById("json-error");
  line.textContent = state.json_error;
  line.hidden = !unread;
  json.classList.toggle("is-invalid", unread);
  json.toggleAttribute("aria-invalid", unread);
  // Places in a text that is not the one on the page would mark the wrong lines.
  const marks = json.value === jsonSent ? state.json_marks_sent : json.value === state.json ? state.json_marks : [];
  json.dataset.codeMarks = JSON.stringify(marks);
  json.code?.mark(marks);
  const buttons = document.getElementById("json-buttons");
  if (buttons) buttons.hidden = !unread;
  if (unread) document.getElementById("json-view").open = true;
};

const showState = () => {
  const holder = document.getElementById("live-state");
  if (!holder) return;
  const state = JSON.parse(holder.textContent);
  showErrors(state.errors, state.places);
  for (const [id, text] of Object.entries(state.above)) {
    const line = document.getElementById(id);
    if (line) { line.textContent = text; line.hidden = !text; }
  }
  for (const [id, text] of Object.entries(state.texts)) {
    const place = document.getElementById(id);
    if (place) place.textContent = text;
  }
  showNames(state.names);
  const chip = document.getElementById("score-chip");
  if (chip) chip.textContent = `Score ${document.querySelector("#scored .score-number")?.textContent ?? "–"}`;
  showJson(state);
};

// Folded parts stay as they were when the form is drawn anew; a part that holds an error opens.
let open = new Map();
const remember = () => {
  open = new Map([...form.querySelectorAll("#marking details[id]")].map((part) => [part.id, part.open]));
};
const restore = () => {
  for (const [id, was] of open) {
    const part = document.getElementById(id);
    if (part && was) part.open = true;
  }
  open = new Map();
};

// What was typed before the page was ready, when nothing listened yet, counts as typed now.
const typedEarly = () => [...form.elements].find((one) =>
  (one.tagName === "TEXTAREA" || ["text", "number"].includes(one.type)) && one.value !== one.defaultValue);

if (form) {
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    typedEarly()?.dispatchEvent(new Event("input", { bubbles: true }));
  }));
  const buttons = document.getElementById("json-buttons");
  if (buttons) buttons.hidden = document.getElementById("json-error").hidden;
  form.addEventListener("input", (event) => {
    const edited = document.getElementById("edited");
    if (event.target.id === "json") { jsonTouched = true; edited.value = "json"; }
    else if (event.target.closest("#marking")) edited.value = "form";
  });
  form.addEventListener("htmx:configRequest", () => { jsonSent = document.getElementById("json")?.value ?? ""; });
  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (chip) {
      const field = document.getElementById(chip.dataset.into);
      field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    // The link of an error inside a folded part opens the part first.
    const link = event.target.closest(".error-summary a");
    const target = link && document.getElementById(link.hash.slice(1));
    for (let part = target?.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    if (target) { event.preventDefault(); target.scrollIntoView({ block: "center" }); target.focus(); }
  });
  form.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id === "marking") remember();
  });
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target?.id === "marking") remember();
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.id === "marking") restore();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "marking" || event.detail.elt?.id === "marking") {
      restore();
      const summary = form.querySelector(".error-summary");
      const next = form.querySelector("[data-focus]");
      if (summary) summary.focus();
      else if (next) { document.getElementById(next.dataset.focus)?.focus(); next.remove(); }
    }
    if (document.getElementById("live-state")) showState();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      const save = document.getElementById("save");
      if (save) { event.preventDefault(); save.click(); }
    }
  });

  let leaving = false;
  form.addEventListener("submit", () => { leaving = true; setTimeout(() => { leaving = false; }, 2000); });
  document.addEventListener("htmx:beforeRequest", () => { leaving = false; });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.getResponseHeader("HX-Redirect")) leaving = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && document.querySelector("#bar-status [data-unsaved]")) event.preventDefault();
  });
}
