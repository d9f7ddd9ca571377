// An editor in place of every <textarea data-code="python"> or "json": line numbers, colours, indenting, errors in the
// margin. The textarea stays the form's field and is kept up to date; without this script it is simply used itself.
// The editor's own file is fetched only where such a textarea is to be seen.
//
// `data-code-marks` on the textarea is a JSON list of [line, column, what is wrong], lines and columns from 1. Where it
// is missing, the field's error paragraph (#ID-error) is read, whose `data-line` and `data-column` name the place.
// Outside: textarea.code.set(text) and textarea.code.mark([[line, column, text], …]); textarea.code.focused().
// Keys: Tab indents; Escape and then Tab goes on to the next field, as the label says.
(() => {
  const bundle = document.currentScript.dataset.bundle;
  let loading = null;
  const load = () => {
    loading ||= new Promise((done, failed) => {
      const script = Object.assign(document.createElement("script"), { src: bundle });
      script.addEventListener("load", done);
      script.addEventListener("error", failed);
      document.head.append(script);
    });
    return loading;
  };

  const theme = () => CodeMirror.EditorView.theme({
    "&": { fontSize: "0.8125rem", backgroundColor: "var(--surface)", color: "var(--ink)" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", maxHeight: "32rem", minHeight: "5rem" },
    ".cm-content": { caretColor: "var(--ink)", padding: "0.35rem 0" },
    ".cm-cursor": { borderLeftColor: "var(--ink)" },
    ".cm-gutters": { backgroundColor: "var(--surface-sunk)", color: "var(--ink-soft)", borderRight: "1px solid var(--line)" },
    ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent-soft) 45%, transparent)" },
    ".cm-activeLineGutter": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "color-mix(in srgb, var(--accent) 30%, transparent)" },
    ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line)" },
    ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
    ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  });
  const colours = () => {
    const { tags } = CodeMirror;
    return CodeMirror.HighlightStyle.define([
      { tag: [tags.keyword, tags.controlKeyword, tags.operatorKeyword], color: "var(--chart-3)" },
      { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
      { tag: [tags.number, tags.bool, tags.null], color: "var(--chart-2)" },
      { tag: [tags.comment], color: "var(--ink-soft)", fontStyle: "italic" },
      { tag: [tags.propertyName, tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--accent)" },
      { tag: tags.invalid, color: "var(--bad)" },
    ]);
  };

  const marksOf = (area) => {
    if (area.dataset.codeMarks) return JSON.parse(area.dataset.codeMarks);
    const line = document.getElementById(`${area.id}-error`);
    return line?.dataset.line && !line.hidden ? [[Number(line.dataset.line), Number(line.dataset.column || 1), line.textContent]] : [];
  };

  const build = (area) => {
    const CM = CodeMirror;
    const label = document.querySelector(`label[for="${CSS.escape(area.id)}"]`);
    const described = [area.getAttribute("aria-describedby"), `${area.id}-keys`].filter(Boolean).join(" ");
    let telling = true;
    const tell = CM.EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      area.value = update.state.doc.toString();
      if (telling) area.dispatchEvent(new Event("input", { bubbles: true }));
    });
    const view = new CM.EditorView({
      state: CM.EditorState.create({
        doc: area.value,
        extensions: [
          CM.lineNumbers(), CM.lintGutter(), CM.history(), CM.drawSelection(), CM.indentOnInput(), CM.bracketMatching(),
          CM.highlightActiveLine(), CM.highlightActiveLineGutter(), CM.EditorView.lineWrapping,
          CM.indentUnit.of(area.dataset.code === "json" ? "  " : "    "),
          area.dataset.code === "json" ? CM.json() : CM.python(),
          CM.syntaxHighlighting(colours()), theme(), tell,
          CM.keymap.of([...CM.defaultKeymap, ...CM.historyKeymap, CM.indentWithTab]),
          CM.EditorState.readOnly.of(area.readOnly || area.matches(":disabled")),
          CM.EditorView.contentAttributes.of({ "aria-label": label?.textContent.trim() || "Code", "aria-describedby": described, spellcheck: "false", tabindex: "0" }),
        ],
      }),
    });
    const holder = Object.assign(document.createElement("div"), { className: "code-editor" });
    const keys = Object.assign(document.createElement("p"), { className: "field-help code-keys", id: `${area.id}-keys`, textContent: "Tab indents. Esc, then Tab, goes on to the next field." });
    holder.append(view.dom, keys);
    area.after(holder);
    // It stays a field that links and labels lead to, only not one to be seen.
    area.classList.add("code-source");
    area.tabIndex = -1;
    area.setAttribute("aria-hidden", "true");
    area.addEventListener("focus", () => view.focus());
    area.code = {
      focused: () => view.hasFocus,
      set: (text) => {
        if (text === view.state.doc.toString()) return;
        telling = false;
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
        telling = true;
      },
      mark: (marks) => {
        const doc = view.state.doc;
        const found = marks.map(([line, column, message]) => {
          const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
          const from = Math.min(at.from + Math.max(0, column - 1), at.to);
          return { from, to: Math.max(from, at.to), severity: "error", message };
        });
        view.dispatch(CM.setDiagnostics(view.state, found.sort((a, b) => a.from - b.from)));
        holder.classList.toggle("is-invalid", found.length > 0);
      },
    };
    area.code.mark(marksOf(area));
    area.addEventListener("kept", () => area.code.set(area.value));
  };

  const look = async () => {
    const found = [...document.querySelectorAll("textarea[data-code]")].filter((area) => !area.code && area.offsetParent);
    if (!found.length) return;
    try { await load(); } catch { return; /* the textarea is there */ }
    for (const area of found) if (!area.code && area.isConnected) build(area);
  };
  document.addEventListener("htmx:load", look);
  document.addEventListener("htmx:afterSettle", look);
  document.addEventListener("toggle", look, true);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", look);
  else look();
})();
