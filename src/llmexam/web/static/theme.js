"use strict";
(() => {
  const root = document.documentElement;
  const read = () => {
    try { return localStorage.getItem("llmexam-theme"); } catch { return null; }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const chosen = read();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("llmexam-theme", root.dataset.theme); } catch { /* not kept */ }
      tell();
    });
    dark.addEventListener("change", tell);
    tell();
  });
})();
