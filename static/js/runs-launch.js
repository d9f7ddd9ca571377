// Shows in every empty setting what the chosen preset says.
(() => {
  const form = document.getElementById("launch-form");
  if (!form) return;
  const show = () => {
    const chosen = form.querySelector("input[name=preset]:checked");
    if (!chosen) return;
    for (const [name, value] of Object.entries(JSON.parse(chosen.dataset.settings))) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.tagName === "SELECT") {
        const option = [...field.options].find((one) => one.value === String(value));
        field.options[0].textContent = `as the preset says: ${option ? option.textContent : value}`;
      } else {
        field.placeholder = String(value);
      }
    }
  };
  form.addEventListener("change", (event) => { if (event.target.name === "preset") show(); });
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
})();
