// Answers that are lists: a ranked list with places to move, a set as chips. Underneath stays the plain text box with
// one entry a line, which is what is sent, and all there is without this script.
const entriesOf = (area) => area.value.split("\n").map((line) => line.trim()).filter(Boolean);

const write = (area, entries) => {
  area.value = entries.join("\n");
  area.dispatchEvent(new Event("input", { bubbles: true }));
};

const button = (text, label, action) => {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "icon-button", textContent: text, title: label });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
};

const ranking = (area, box) => {
  const list = document.createElement("ol");
  list.className = "list-editor";
  const more = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-plain btn-sm", textContent: "Add an entry" });
  box.append(list, more);
  const inputs = () => [...list.querySelectorAll("input")];
  const sync = () => write(area, inputs().map((input) => input.value.trim()).filter(Boolean));
  const draw = (entries, focus = -1) => {
    list.replaceChildren(...entries.map((entry, place) => {
      const line = document.createElement("li");
      const number = Object.assign(document.createElement("span"), { className: "list-number", textContent: `${place + 1}.` });
      const input = Object.assign(document.createElement("input"), { className: "form-control", value: entry, autocomplete: "off" });
      input.setAttribute("aria-label", `Place ${place + 1}`);
      if (area.disabled || area.matches(":disabled")) input.disabled = true;
      const values = () => inputs().map((each) => each.value);
      const move = (to) => {
        const all = values();
        if (to < 0 || to >= all.length) return;
        all.splice(to, 0, ...all.splice(place, 1));
        draw(all, to);
        sync();
      };
      const remove = () => { const all = values(); all.splice(place, 1); draw(all.length ? all : [""], Math.max(0, place - 1)); sync(); };
      input.addEventListener("input", sync);
      input.addEventListener("paste", (event) => {
        const lines = event.clipboardData.getData("text").split("\n").map((line) => line.trim()).filter(Boolean);
        if (lines.length < 2) return;
        event.preventDefault();
        const all = values();
        all.splice(place, input.value ? 0 : 1, ...lines);
        draw(all, place + lines.length - 1);
        sync();
      });
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); const all = values(); all.splice(place + 1, 0, ""); draw(all, place + 1); }
        else if (event.key === "Backspace" && input.value === "" && inputs().length > 1) { event.preventDefault(); remove(); }
        else if (event.altKey && event.key === "ArrowUp") { event.preventDefault(); move(place - 1); }
        else if (event.altKey && event.key === "ArrowDown") { event.preventDefault(); move(place + 1); }
      });
      const buttons = document.createElement("span");
      buttons.className = "row-buttons";
      if (!input.disabled) buttons.append(button("↑", `Move place ${place + 1} up`, () => move(place - 1)), button("↓", `Move place ${place + 1} down`, () => move(place + 1)), button("✕", `Remove place ${place + 1}`, remove));
      line.append(number, input, buttons);
      return line;
    }));
    if (focus >= 0) list.querySelectorAll("input")[focus]?.focus();
  };
  more.hidden = area.matches(":disabled");
  more.addEventListener("click", () => { const all = [...inputs().map((input) => input.value), ""]; draw(all, all.length - 1); });
  const start = entriesOf(area);
  draw(start.length ? start : ["", "", ""]);
  return () => draw(entriesOf(area).length ? entriesOf(area) : [""]);
};

const chips = (area, box) => {
  const field = document.createElement("div");
  field.className = "chip-editor form-control";
  const input = Object.assign(document.createElement("input"), { placeholder: "Type and press Enter", autocomplete: "off" });
  input.setAttribute("aria-label", "Add an entry");
  input.disabled = area.matches(":disabled");
  box.append(field);
  const add = (text) => {
    const fresh = text.split(/[\n;]/).map((part) => part.trim()).filter(Boolean);
    if (fresh.length) write(area, [...new Set([...entriesOf(area), ...fresh])]);
    input.value = "";
    draw();
    input.focus();
  };
  const draw = () => {
    field.replaceChildren(...entriesOf(area).map((entry) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.append(entry);
      if (!input.disabled) chip.append(button("✕", `Remove ${entry}`, () => { write(area, entriesOf(area).filter((other) => other !== entry)); draw(); input.focus(); }));
      return chip;
    }), input);
  };
  input.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === ";") && input.value.trim()) { event.preventDefault(); add(input.value); }
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) event.preventDefault();
    else if (event.key === "Backspace" && input.value === "") { const all = entriesOf(area); if (all.length) { write(area, all.slice(0, -1)); draw(); input.focus(); } }
  });
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (text.includes("\n")) { event.preventDefault(); add(text); }
  });
  input.addEventListener("blur", () => { if (input.value.trim()) { const typed = input.value; input.value = ""; write(area, [...new Set([...entriesOf(area), typed.trim()])]); draw(); } });
  field.addEventListener("click", (event) => { if (event.target === field) input.focus(); });
  draw();
  return draw;
};

const enhance = (root) => {
  for (const area of root.querySelectorAll("textarea[data-list]")) {
    if (area.dataset.enhanced) continue;
    area.dataset.enhanced = "yes";
    const box = document.createElement("div");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", area.getAttribute("aria-label") || document.querySelector(`label[for="${CSS.escape(area.id)}"]`)?.textContent.trim() || "Answer");
    area.before(box);
    const redraw = (area.dataset.list === "ranking" ? ranking : chips)(area, box);
    area.hidden = true;
    // The label and the summary of errors lead to the box: the text box itself is out of sight.
    const label = document.querySelector(`label[for="${CSS.escape(area.id)}"]`);
    label?.addEventListener("click", () => box.querySelector("input")?.focus());
    box.id = area.id;
    area.id = `${area.id}-text`;
    area.addEventListener("kept", redraw); // restored by keep.js
    if (area.autofocus) box.querySelector("input")?.focus();
  }
};
enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt.parentElement ?? document));
