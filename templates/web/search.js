// Shows results while a visitor types. Without it the form works with its button.
"use strict";
(() => {
  const form = document.getElementById("search");
  const results = document.getElementById("results");
  if (!form || !results || !window.fetch || !window.URLSearchParams) return;
  let timer = 0;
  let running = null;
  let shown = String(new URLSearchParams(new FormData(form)));
  const ask = async () => {
    const fields = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...fields]) if (!value.trim()) fields.delete(name);
    const asked = String(fields);
    if (asked === shown) return;
    if (running) running.abort();
    running = new AbortController();
    try {
      const answer = await fetch(`${form.action.split("?")[0]}?${asked}&typing=1`, { signal: running.signal });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("results");
      if (!found) return;
      results.replaceChildren(...found.childNodes);
      shown = asked;
      history.replaceState(null, "", `${form.action.split("?")[0]}?${asked}`);
      document.title = page.title;
    } catch (error) {
      if (error.name !== "AbortError") shown = "";
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 200); });
  form.addEventListener("change", () => { clearTimeout(timer); timer = setTimeout(ask, 50); });
  // What was typed before this ran, or came back with the page, is not what the page shows.
  if ([...form.elements].some((field) => field.type === "search" && field.value !== field.defaultValue)) {
    shown = "";
    ask();
  }
})();
