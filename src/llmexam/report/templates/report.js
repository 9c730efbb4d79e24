"use strict";
(() => {
  const tools = document.getElementById("tools");
  if (!tools) return;
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const unfold = document.getElementById("unfold");
  const buttons = [...tools.querySelectorAll("[data-filter]")];
  const items = [...document.querySelectorAll(".filterable")];
  const texts = new Map();
  let wanted = "all";

  const text = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };
  const fits = (item) =>
    wanted === "all" ||
    (wanted === "uncertain" ? "uncertain" in item.dataset : item.dataset.verdict === wanted);

  const apply = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const item of items) {
      item.hidden = !(fits(item) && words.every((word) => text(item).includes(word)));
      if (!item.hidden) n += 1;
    }
    shown.textContent = `${n} of ${items.length} shown`;
    none.hidden = n > 0;
  };
  const choose = (name) => {
    wanted = name;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.filter === name));
    }
    apply();
  };
  const reset = () => {
    find.value = "";
    choose("all");
  };
  const follow = () => {
    const target = /^#q-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.hidden) reset();
    target.querySelector("details").open = true;
    target.scrollIntoView();
  };

  for (const button of buttons) {
    button.addEventListener("click", () => choose(button.dataset.filter));
  }
  let waiting;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  tools.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  document.getElementById("reset").addEventListener("click", reset);
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Close all" : "Open all";
    for (const item of items) {
      const details = item.querySelector("details");
      if (details && !(open && item.hidden)) details.open = open;
    }
  });
  addEventListener("hashchange", follow);
  tools.hidden = false;
  choose("all");
  follow();
})();
