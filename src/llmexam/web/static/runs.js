"use strict";
// What is in progress is asked for every two seconds; texts are set as text, drawings are ours.
(() => {
  const live = document.getElementById("live");
  const section = document.getElementById("running");
  if (!live || !live.dataset.url) return;
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const card = (one) => {
    const article = make("article", "", "card");
    const title = make("h3");
    const link = make("a", one.title);
    link.href = `/${one.kind === "training" ? "training" : "run"}?run=${encodeURIComponent(one.id)}`;
    title.append(link);
    const amount = one.n_all ? `: ${one.n_done} of ${one.n_all}` : "";
    const bar = make("progress");
    bar.setAttribute("aria-label", one.stage || "beginning");
    if (one.n_all) { bar.max = one.n_all; bar.value = one.n_done; }
    const left = one.left ? `; about ${one.left} left in this stage` : "";
    article.append(
      title, make("p", (one.stage || "beginning") + amount), bar,
      make("p", `${one.elapsed} so far${left}`, "small"),
    );
    for (const [name, drawing] of one.charts) {
      const figure = make("figure");
      figure.append(make("figcaption", name));
      const parsed = new DOMParser().parseFromString(drawing, "text/html").body.firstElementChild;
      if (parsed) figure.append(parsed);
      article.append(figure);
    }
    return article;
  };
  let known = live.children.length;
  const ask = async () => {
    try {
      const answer = await fetch(live.dataset.url);
      if (!answer.ok) return;
      const found = await answer.json();
      // A run that has ended is in the tables after a reload.
      if (found.length < known) { location.reload(); return; }
      known = found.length;
      section.hidden = !known;
      live.replaceChildren(...found.map(card));
    } catch { /* the server is gone; the page stays as it is */ }
  };
  if (known) ask();
  setInterval(() => { if (!document.hidden) ask(); }, 2000);
})();
