"use strict";
(() => {
  const waiting = document.querySelector("[data-trial]");
  const queue = document.querySelector("[data-queue]");
  const ask = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const told = (state) => {
    if (state.state === "running") return "It is being answered.";
    if (state.position === 0) return "It is next in the queue.";
    const one = state.position === 1;
    return `${state.position} ${one ? "question is" : "questions are"} before it in the queue.`;
  };

  if (waiting) {
    const place = document.getElementById("place");
    let pause = 150;
    const look = async () => {
      try {
        const state = await ask(`/api/trials/${encodeURIComponent(waiting.dataset.trial)}`);
        if (state.state === "done" || state.state === "failed") { location.reload(); return; }
        const text = told(state);
        if (place.textContent !== text) place.textContent = text;
      } catch {
        place.textContent = "The server does not answer. It is asked again.";
        pause = 2000;
      }
      pause = Math.min(pause * 1.4, 2000);
      setTimeout(look, pause);
    };
    setTimeout(look, pause);
  }

  if (queue) {
    const length = document.getElementById("queue-length");
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const state = await ask("/api/queue");
        length.textContent = `${state.n_waiting} waiting, ${state.n_running} being answered`;
      } catch { /* shown as it was */ }
    }, 3000);
  }

  // A second press would ask twice.
  const form = document.getElementById("try-form");
  if (form) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener("pageshow", () => { sent = false; });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }
})();
