"use strict";
// j and k, or the arrow keys, go to the next and the previous question, or move in a list.
(() => {
  const press = (id) => { const found = document.getElementById(id); if (found) found.click(); return Boolean(found); };
  const isTyping = (target) =>
    target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !["radio", "checkbox"].includes(target.type));
  const move = (step) => {
    const items = [...document.querySelectorAll("#list a.item")];
    if (!items.length) return false;
    const place = items.indexOf(document.activeElement);
    const next = items[place < 0 ? (step > 0 ? 0 : items.length - 1) : place + step];
    if (next) next.focus();
    return Boolean(next);
  };
  const search = () => {
    const field = document.getElementById("search");
    if (field) { field.focus(); field.select(); }
    return Boolean(field);
  };
  const actions = {
    j: () => press("next") || move(1),
    k: () => press("previous") || move(-1),
    ArrowRight: () => press("next"),
    ArrowLeft: () => press("previous"),
    u: () => press("up"),
    "/": search,
  };
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape" && isTyping(event.target)) { event.target.blur(); return; }
    // Arrow keys scroll a region that has the focus, such as a wide table.
    if (isTyping(event.target) || (event.key.startsWith("Arrow") && event.target.closest("[tabindex]"))) return;
    if (actions[event.key]?.()) event.preventDefault();
  });
})();
