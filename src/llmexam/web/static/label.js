"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const press = (id) => { const found = $(id); if (found) found.click(); return Boolean(found); };
  const isTyping = (target) =>
    target instanceof HTMLTextAreaElement ||
    (target instanceof HTMLInputElement && !["radio", "checkbox"].includes(target.type));
  const answering = $("answering");

  const reasons = () => [...document.querySelectorAll("input[name=reason]")];
  const actions = {
    a: () => press("accept"),
    r: () => {
      if (!reasons().some((box) => box.checked)) { reasons()[0]?.focus(); return true; }
      return press("reject");
    },
    e: () => {
      const editor = $("editor");
      if (!editor) return false;
      editor.open = true;
      editor.querySelector("textarea").focus();
      return true;
    },
    n: () => press("next"),
    p: () => press("previous"),
  };

  addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && event.ctrlKey && $("editor")?.open) {
      event.preventDefault();
      press("mend");
      return;
    }
    if (event.key === "Escape" && isTyping(event.target)) { event.target.blur(); return; }
    if (event.key === "Enter" && event.target.matches("#deciding input")) {
      // The browser would press the first button, which accepts the question.
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    const boxes = [...document.querySelectorAll("[data-key]")];
    const box = boxes.find((one) => one.dataset.key === key);
    if (answering && event.key === "Enter" && event.target === document.body) {
      event.preventDefault();
      answering.requestSubmit();
    } else if (box) {
      event.preventDefault();
      box.click();
      box.focus();
    } else if (actions[key]?.()) {
      event.preventDefault();
    }
  });

  // A second press while the first is being saved would decide on the next question.
  for (const form of document.forms) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener("pageshow", () => { sent = false; });
  }

  // The numbers follow what others decide.
  const live = document.querySelector("[data-live]");
  if (live) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(location.href);
        if (!answer.ok) return;
        const other = new DOMParser().parseFromString(await answer.text(), "text/html");
        const found = other.querySelector("[data-live]");
        if (found && found.innerHTML !== live.innerHTML) live.replaceChildren(...found.childNodes);
      } catch { /* shown as it was */ }
    }, 2000);
  }
})();
