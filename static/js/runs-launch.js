// Shows in every empty setting what the chosen preset and method say.
(() => {
  const form = document.getElementById("launch-form");
  if (!form) return;
  const meant = JSON.parse(document.getElementById("launch-settings").textContent);
  const show = () => {
    const chosen = form.querySelector("input[name=preset]:checked");
    if (!chosen) return;
    const usual = meant.presets[chosen.value];
    const method = form.elements.loss_type.value || usual.loss_type;
    for (const [name, value] of Object.entries({ ...usual, ...meant.methods[method], loss_type: usual.loss_type })) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.tagName === "SELECT") {
        const option = [...field.options].find((one) => one.value === String(value));
        const who = name in meant.methods[method] ? "method" : "preset";
        field.options[0].textContent = `as the ${who} says: ${option ? option.textContent : value}`;
      } else {
        field.placeholder = String(value);
      }
    }
  };
  // What the chosen way of learning does not read is out of the way; what was typed there is kept.
  const sort = () => {
    const chosen = form.querySelector("input[name=approach]:checked");
    if (!chosen) return;
    for (const field of form.querySelectorAll(".dial")) {
      const control = field.querySelector("[name]");
      field.hidden = Boolean(control) && meant.ways[chosen.value].includes(control.name) && !field.querySelector(".field-error");
    }
    for (const row of form.querySelectorAll("tr[data-dial]")) row.hidden = meant.ways[chosen.value].includes(row.dataset.dial);
    document.getElementById("baseline-tick").hidden = chosen.value === "sft";
  };
  form.addEventListener("change", (event) => { if (event.target.name === "approach") sort(); });
  form.addEventListener("change", (event) => { if (["preset", "loss_type"].includes(event.target.name)) show(); });
  form.addEventListener("submit", () => {
    const button = form.querySelector(".btn-launch");
    button.disabled = true;
    button.textContent = "Checking…";
  });
  addEventListener("pageshow", () => {
    const button = form.querySelector(".btn-launch");
    button.disabled = false;
    button.textContent = "Launch";
  });
  const wrong = form.querySelector(".error-summary");
  if (wrong) wrong.focus();
  show();
  sort();
})();
