// Keeps the statistics page up to date: once a second it asks for what the reader sees, and writes
// the answer into the tables that the page came with. Every text goes in by textContent.
"use strict";

(() => {
  const PERIOD_MS = 1000;
  const PERIOD_MAX_MS = 15000;
  const ANSWER_MS = 5000;
  const SAMPLES = 60;
  const SVG = "http://www.w3.org/2000/svg";

  const byId = (id) => document.getElementById(id);
  const sentence = byId("sentence");
  const standing = byId("standing");
  const memory = byId("memory");
  const notice = byId("notice");

  // The rows of the page's own parts, by the names that the answers give them.
  const rows = new Map();
  for (const row of document.querySelectorAll("tr[data-row]")) rows.set(row.dataset.row, row);
  // The rows of the services, in their order.
  const services = Array.from(document.querySelectorAll(".stats tbody tr"));
  const names = services.map((row) => row.querySelector("a[name]").getAttribute("name"));
  const curves = new Map();
  // What has happened, newest first. An answer has what is newer than the first row.
  const lists = { reload: byId("reload-rows"), event: byId("event-rows") };
  const LIST_MAX = { reload: 10, event: 100 };

  // --- What the reader sees -------------------------------------------------------------------

  // Short pages are told everything, long ones what is near the window.
  const ROWS_OF_SHORT_PAGES = 64;
  const seen = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const change of changes) {
      const at = services.indexOf(change.target);
      if (change.isIntersecting) seen.add(at);
      else seen.delete(at);
    }
  }, { rootMargin: "100px" });
  services.forEach((row) => watch.observe(row));

  let pointed = null;
  services.forEach((row, at) => {
    for (const event of ["pointerenter", "focusin"]) {
      row.addEventListener(event, () => { pointed = at; });
    }
    row.addEventListener("pointerleave", () => { if (pointed === at) pointed = null; });
  });

  function address() {
    let words = "";
    if (services.length <= ROWS_OF_SHORT_PAGES) {
      words += `;rows=${services.length}`;
    } else if (seen.size > 0) {
      const first = Math.min(...seen);
      words += `;from=${first};rows=${Math.max(...seen) - first + 1}`;
    }
    if (pointed !== null) words += `;at=${pointed}`;
    for (const part of document.querySelectorAll("details[data-live][open]")) {
      words += `;${part.dataset.live}`;
    }
    for (const [name, list] of Object.entries(lists)) {
      const newest = list.querySelector("tr[data-row]");
      if (newest) words += `;${name}=${newest.dataset.row.slice(1)}`;
    }
    const [before, after] = cut(document.body.dataset.live, "?scope=");
    return new URL(before + words + after, location.origin);
  }

  function cut(text, mark) {
    const at = text.lastIndexOf(mark);
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
  }

  // --- Writing an answer ----------------------------------------------------------------------

  function write(answer) {
    sentence.className = answer.case;
    setText(standing, answer.standing);
    setText(memory, answer.memory);
    let isKnown = answer.count === services.length;
    for (const [id, className, cells] of answer.rows) {
      const row = rows.get(id);
      isKnown = row !== undefined && writeRow(row, className, cells) && isKnown;
      markLink(id, className, cells);
    }
    for (const [id, className, cells] of answer.services) {
      const at = names.indexOf(id);
      isKnown = at >= 0 && writeRow(services[at], className, cells) && isKnown;
      if (at >= 0) draw(services[at], cells);
    }
    add("reload", answer.reloads);
    add("event", answer.events);
    if (isKnown) say("");
    else say("What is configured has changed.", true);
  }

  // Writes the cells behind the head of a row. Returns whether the row has these cells.
  function writeRow(row, className, cells) {
    if (row.className !== className) row.className = className;
    let cell = row.querySelector("th").nextElementSibling;
    for (const value of cells) {
      if (cell === null) return false;
      if (value !== null) writeCell(cell, value);
      cell = cell.nextElementSibling;
    }
    return cell === null;
  }

  // Adds rows, newest first, above those that are there.
  function add(name, news) {
    const list = lists[name];
    if (news.length > 0) list.querySelector(".none")?.remove();
    for (const [id, className, [head, ...cells]] of news.toReversed()) {
      const row = document.createElement("tr");
      row.dataset.row = id;
      row.className = className;
      const title = document.createElement("th");
      title.scope = "row";
      setText(title, Array.isArray(head) ? head[0] : head);
      row.append(title);
      for (const value of cells) {
        const cell = document.createElement("td");
        writeCell(cell, value);
        row.append(cell);
      }
      list.prepend(row);
    }
    while (list.rows.length > LIST_MAX[name]) list.lastElementChild.remove();
  }

  function writeCell(cell, value) {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      if ("points" in value) cell.querySelector("polyline").setAttribute("points", value.points);
      if ("bar" in value) {
        cell.querySelector("rect").setAttribute("width", value.bar);
        setText(cell.querySelector("span"), value.text);
      }
      return;
    }
    const [text, title, className] = Array.isArray(value) ? value : [value, "", null];
    if (className) cell.className = className;
    if (title) cell.title = title;
    if (typeof text === "number") writeNumber(cell, String(text));
    else setText(cell, text);
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // Thousands are set apart by a gap that is no part of the text.
  function writeNumber(cell, digits) {
    if (cell.textContent === digits) return;
    cell.textContent = "";
    let start = 0;
    for (let end = (digits.length - 1) % 3 + 1; end < digits.length; end += 3) {
      const group = document.createElement("i");
      group.textContent = digits.slice(start, end);
      cell.append(group);
      start = end;
    }
    cell.append(digits.slice(start));
  }

  // The line and the words of a link in the picture of the mesh are those of its row.
  function markLink(id, className, cells) {
    const link = byId(`link-${id}`);
    if (link === null) return;
    link.setAttribute("class", `link ${className}`);
    const words = link.querySelector(".word");
    if (words) setText(words, className === "bad" ? cells[0][0] : cells[1][0]);
  }

  // --- Curves of the session rates ------------------------------------------------------------

  // The rate is the second cell of a frontend and the fourth of a backend or server, whose queue
  // has three cells.
  function draw(row, cells) {
    const at = row.className === "frontend" ? 1 : 3;
    const rate = Array.isArray(cells[at]) ? cells[at][0] : cells[at];
    if (typeof rate !== "number") return;
    let curve = curves.get(row);
    if (curve === undefined) {
      curve = { samples: [], line: newCurve(row.querySelector("th")) };
      curves.set(row, curve);
    }
    curve.samples.push(rate);
    if (curve.samples.length > SAMPLES) curve.samples.shift();
    const most = Math.max(1, ...curve.samples);
    const left = SAMPLES - curve.samples.length;
    const points = curve.samples.map((sample, x) => `${left + x},${(11 - 10 * sample / most).toFixed(1)}`);
    curve.line.setAttribute("points", points.join(" "));
  }

  function newCurve(cell) {
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("class", "curve");
    picture.setAttribute("viewBox", `0 0 ${SAMPLES} 12`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "polyline");
    picture.append(line);
    cell.append(picture);
    return line;
  }

  // --- Asking ---------------------------------------------------------------------------------

  // Says what is wrong with the figures; with `mayReload` a link loads the page again.
  function say(text, mayReload = false) {
    if (notice.dataset.text === text) return;
    notice.dataset.text = text;
    notice.hidden = text === "";
    notice.textContent = text;
    document.body.classList.toggle("stale", text !== "" && !mayReload);
    if (mayReload) {
      const link = document.createElement("a");
      link.href = location.pathname + location.search;
      link.textContent = "Load the page again";
      notice.append(" ", link);
    }
  }

  let timer = null;
  let failures = 0;
  let heardAt = new Date();

  async function ask() {
    timer = null;
    const start = performance.now();
    try {
      const options = { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) };
      const answer = await fetch(address(), options);
      if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
      write(await answer.json());
      failures = 0;
      heardAt = new Date();
    } catch (error) {
      failures += 1;
      // One answer may be lost when the process is replaced.
      if (failures > 1) say(`No new figures since ${heardAt.toLocaleTimeString()}: ${error.message}`);
    }
    const period = Math.min(PERIOD_MS * 2 ** Math.max(0, failures - 2), PERIOD_MAX_MS);
    schedule(Math.max(0, period - (performance.now() - start)));
  }

  function schedule(wait) {
    if (timer === null && !document.hidden) timer = setTimeout(ask, wait);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      timer = null;
    } else {
      schedule(0);
    }
  });
  document.body.classList.add("live");
  schedule(PERIOD_MS);
})();
