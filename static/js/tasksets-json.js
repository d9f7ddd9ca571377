// JSON is checked while it is typed; the server checks it again, with the schema.
const check = (area) => {
  let note = area.nextElementSibling?.matches?.(".json-note") ? area.nextElementSibling : null;
  let problem = "";
  if (area.value.trim()) {
    try { JSON.parse(area.value); } catch (error) { problem = error.message; }
  }
  if (problem && !note) {
    note = Object.assign(document.createElement("p"), { className: "field-help json-note" });
    note.setAttribute("role", "status");
    area.after(note);
  }
  if (note) note.textContent = problem ? `Not valid JSON yet: ${problem}` : "";
};
const watched = "textarea[data-json], textarea[name='schema']";
document.addEventListener("input", (event) => { if (event.target.matches?.(watched)) check(event.target); });
