"use strict";
// Search and filters of the static copy; the state is in the address behind the #.
(() => {
  const items = window.llmexamItems;
  const form = document.getElementById("filters");
  const list = document.getElementById("list");
  const found = document.getElementById("found");
  if (!items || !form || !list) return;
  const PER_PAGE = 50;
  let page = 1;
  const pagers = document.querySelectorAll(".pager");
  const values = (data, name) => data.getAll(name).filter(Boolean);
  const words = (text) => {
    const parts = text.toLowerCase().split('"');
    const quoted = parts.filter((_, i) => i % 2).map((one) => one.trim());
    const single = parts.filter((_, i) => i % 2 === 0).flatMap((one) => one.split(/\s+/));
    return [...quoted, ...single].filter(Boolean);
  };
  const fits = (item, wanted) =>
    wanted.words.every((word) => item.text.includes(word)) &&
    wanted.marks.every((mark) => item.marks.includes(mark)) &&
    (!wanted.slice || item.slices.includes(wanted.slice)) &&
    (!wanted.right || item.right.includes(wanted.right)) &&
    (!wanted.chosen || item.chosen === wanted.chosen) &&
    (!wanted.shortest || item.length >= wanted.shortest) &&
    (!wanted.longest || item.length <= wanted.longest);
  const orders = {
    rank: (a, b) => b.rank - a.rank,
    margin: (a, b) => a.margin - b.margin,
    lead: (a, b) => a.lead - b.lead,
    worst: (a, b) => a.score - b.score,
    best: (a, b) => b.score - a.score,
  };
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const line = (item) => {
    const li = make("li");
    const link = make("a", "", "item");
    link.href = `list-${Math.ceil(item.n / PER_PAGE)}.html#q-${item.n}`;
    link.append(make("span", item.prompt.trim() || "(no prompt)", "prompt"));
    const tags = make("p", "", "tags");
    if (item.tag) tags.append(make("span", item.tag, `tag ${item.kind}`), " ");
    for (const mark of item.marks) {
      if (mark !== item.kind && !["wrong", "right", "high", "low"].includes(mark)) {
        tags.append(make("span", mark, "tag unsure"), " ");
      }
    }
    tags.append(make("span", item.told, "small"));
    li.append(link, tags);
    return li;
  };
  const button = (label, step) => {
    const element = make("button", label);
    element.type = "button";
    element.addEventListener("click", () => { page += step; show(); scrollTo(0, 0); });
    return element;
  };
  const show = () => {
    const data = new FormData(form);
    const wanted = {
      words: words(data.get("q") ?? ""),
      marks: values(data, "mark"),
      slice: data.get("slice"),
      right: data.get("right"),
      chosen: data.get("chosen"),
      shortest: Number(data.get("shortest")),
      longest: Number(data.get("longest")),
    };
    const fitting = items.filter((item) => fits(item, wanted));
    const order = orders[data.get("sort")];
    if (order) fitting.sort(order);
    const pages = Math.max(1, Math.ceil(fitting.length / PER_PAGE));
    page = Math.min(Math.max(page, 1), pages);
    list.start = (page - 1) * PER_PAGE + 1;
    list.replaceChildren(...fitting.slice((page - 1) * PER_PAGE, page * PER_PAGE).map(line));
    if (!fitting.length) list.append(make("li", "Nothing matches.", "empty"));
    found.textContent = `${fitting.length} of ${items.length} found.`;
    for (const pager of pagers) {
      pager.replaceChildren();
      if (page > 1) pager.append(button("Previous page", -1));
      pager.append(make("span", `Page ${page} of ${pages}`));
      if (page < pages) pager.append(button("Next page", 1));
    }
    const state = new URLSearchParams([...data].filter(([, value]) => value));
    if (page > 1) state.set("page", page);
    try { history.replaceState(null, "", `#${state}`); } catch { /* not in every browser */ }
  };
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of state) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "checkbox") field.checked ||= field.value === value;
      else field.value = value;
    }
  }
  page = Number(state.get("page")) || 1;
  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); page = 1; show(); });
  form.addEventListener("input", () => { page = 1; show(); });
  if (location.hash.length > 1) show();
  else found.textContent = `${items.length} of ${items.length} found.`;
})();
