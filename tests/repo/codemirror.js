// What of CodeMirror is vendored, and under which names: `tests/repo/vendor.py` makes one file of it. No code of ours.
export { EditorState, Compartment } from "@codemirror/state";
export { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, placeholder } from "@codemirror/view";
export { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
export { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { lintGutter, setDiagnostics } from "@codemirror/lint";
export { json } from "@codemirror/lang-json";
export { python } from "@codemirror/lang-python";
export { tags } from "@lezer/highlight";
