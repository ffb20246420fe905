// Searches the index of a static copy. It loads scripts, not data: a page from a disk may load nothing else.
"use strict";
const archiveSearch = (() => {
  const SHOWN = 25, PREFIXES = 300, SHORTEST = 2;
  const words = new Map(), papers = new Map(), loading = new Map();
  let about = null, asked = 0;
  const GREEK = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"];
  const NO_PLURAL = new Set(["bias", "alias", "atlas", "canvas", "lens", "texas"]);

  // As newsletter.core.papers.search_words cuts and compares them.
  const singular = (word) => {
    if (word.length <= 3 || !/^[\x00-\x7f]*$/.test(word) || NO_PLURAL.has(word)) return word;
    if (word.endsWith("ies") && word.length > 4) return word.slice(0, -3) + "y";
    if (/(?:ss|us)$/.test(word) && !word.endsWith("pus")) return word;
    for (const ending of ["es", "is", "s", "e"]) {
      if (word.endsWith(ending)) {
        const stem = word.slice(0, -ending.length);
        return stem.length > 2 ? stem : word.slice(0, -1);
      }
    }
    return word;
  };
  const TEX = /\\['"`^~=.]|\\[cvuHkrbdt](?=\{)|[{}]/g;  // Schr\"odinger
  const folded = (text) => (text.includes("\\") ? text.replace(TEX, "") : text).normalize("NFKD")
    .replace(/[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff]/g, "")
    .toLowerCase().replace(/ß/g, "ss").replace(/[α-ω]/g, (letter) => GREEK[letter.codePointAt(0) - 0x3b1]);
  const wordsOf = (text) => (folded(text).match(/[a-z](?:\+\+|#)|[0-9]+|[\u3040-\u30ff\u3400-\u9fff\u{20000}-\u{3ffff}]|(?:(?![\u3040-\u30ff\u3400-\u9fff\u{20000}-\u{3ffff}])\p{L})+/gu) || [])
    .slice(0, 12).map((word) => word.slice(0, 40));

  const load = (name) => {
    if (!loading.has(name)) {
      loading.set(name, new Promise((done) => {
        const script = document.createElement("script");
        script.src = `search/${name}.js`;
        script.onload = script.onerror = done;
        document.head.append(script);
      }));
    }
    return loading.get(name);
  };
  // Shards that hold a word, and those with words that begin like it.
  const shardsOf = (word, isPrefix) => {
    const found = [];
    for (const prefix of Object.keys(about.words)) {
      const plain = prefix.endsWith("$") && prefix.length > 1 ? prefix.slice(0, -1) : prefix;
      if (plain === prefix ? word.startsWith(plain) : word === plain) found.push(prefix);
      else if (isPrefix && plain.startsWith(word)) found.push(prefix);
    }
    return found;
  };
  const numbersOf = (text) => {
    const found = new Map();
    let number = 0;
    for (const part of text.split(",")) {
      const value = parseInt(part, 36);
      number += Math.floor(value / 8);
      found.set(number, value % 8);
    }
    return found;
  };
  // A word that may go on is also looked for as it is: "circuits" is stored as "circuit".
  const matching = async (typed, isPrefix) => {
    const word = singular(typed);
    const shards = isPrefix ? [...shardsOf(word, false), ...shardsOf(typed, true)] : shardsOf(word, false);
    const files = [...new Set(shards.map((prefix) => about.words[prefix]))];
    await Promise.all(files.map((number) => load(`words-${number}`)));
    const texts = [];
    for (const number of files) {
      const shard = words.get(number) || {};
      if (Object.hasOwn(shard, word)) texts.push([shard[word], 1]);
      if (!isPrefix) continue;
      for (const other of Object.keys(shard)) {
        if (other !== word && other.startsWith(typed) && texts.length < PREFIXES) texts.push([shard[other], 0.5]);
      }
    }
    const scores = new Map();
    for (const [text, share] of texts) {
      const numbers = numbersOf(text);
      const rarity = Math.log(1 + about.papers / numbers.size) * share;
      for (const [number, weight] of numbers) scores.set(number, Math.max(scores.get(number) || 0, weight * rarity));
    }
    return scores;
  };

  const show = (list, count, status) => {
    document.getElementById("count").textContent = status;
    const rows = document.getElementById("results");
    rows.replaceChildren(...list.map(([title, file, line, lead]) => {
      const row = document.createElement("li");
      row.className = "paper";
      const heading = document.createElement("h3");
      heading.className = "title";
      const link = document.createElement("a");
      link.href = file.split("/").map(encodeURIComponent).join("/");
      link.textContent = title;
      heading.append(link);
      row.append(heading);
      for (const [name, text] of [["lead", lead], ["meta", line]]) {
        if (!text) continue;
        const paragraph = document.createElement("p");
        paragraph.className = name;
        paragraph.textContent = text;
        row.append(paragraph);
      }
      return row;
    }));
  };
  const search = async (text, isTyping) => {
    const turn = ++asked;
    const typed = wordsOf(text);
    if (!typed.length) return show([], 0, "");
    const found = await Promise.all(typed.map((word, place) => {
      const isPrefix = isTyping && place === typed.length - 1 && word.length >= SHORTEST;
      return matching(word, isPrefix);
    }));
    if (turn !== asked) return undefined;
    const totals = new Map(), hits = new Map();
    for (const scores of found) {
      for (const [number, score] of scores) {
        totals.set(number, (totals.get(number) || 0) + score);
        hits.set(number, (hits.get(number) || 0) + 1);
      }
    }
    const most = Math.max(0, ...hits.values());
    const ranked = [...totals].filter(([number]) => hits.get(number) === most)
      .sort((a, b) => b[1] - a[1] || b[0] - a[0]);
    const top = ranked.slice(0, SHOWN).map(([number]) => number);
    await Promise.all([...new Set(top.map((number) => Math.floor(number / about.shard)))].map((n) => load(`papers-${n}`)));
    if (turn !== asked) return undefined;
    const list = top.map((number) => (papers.get(Math.floor(number / about.shard)) || [])[number % about.shard]).filter(Boolean);
    const all = most === typed.length ? "" : " with some of these words";
    const status = ranked.length ? `${ranked.length.toLocaleString("en")} paper${ranked.length === 1 ? "" : "s"}${all}` : "Nothing fits.";
    return show(list, ranked.length, status);
  };

  const begin = () => {
    const form = document.getElementById("search"), field = document.getElementById("q");
    const given = new URLSearchParams(location.search).get("q") || "";
    field.value = field.value || given;
    if (field.value) search(field.value, false);
    field.addEventListener("input", () => search(field.value, true));
    form.addEventListener("submit", (event) => { event.preventDefault(); search(field.value, false); });
  };
  return {
    start: (found) => { about = found; begin(); },
    words: (number, shard) => words.set(number, shard),
    papers: (number, shard) => papers.set(number, shard),
  };
})();
