// Scoring by keyboard: 1 to 5 press a score, the arrows move. Not while somebody writes a note.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const form = document.querySelector("[data-scoring]");
  const pressed = form && form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!pressed) return;
  event.preventDefault();
  if (form.dataset.sent) return; // a key held down scores one answer, not five
  if (pressed.matches("button")) form.dataset.sent = "1";
  pressed.click();
});
