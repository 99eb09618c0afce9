"use strict";
(() => {
  // Texts come from strangers: they become text nodes and attributes, never markup.
  const data = JSON.parse(document.getElementById("data").textContent);
  const { rules, columns, severities, classes, confidences, is_estate: isEstate } = data;
  const byId = (id) => document.getElementById(id);
  const NARROW = matchMedia("(max-width: 60rem)");
  // Values of a filter that are listed before a button shows the others, and in all.
  const FEW = 8, MANY = 400;
  // Rows above and below the window that are kept, so that scrolling shows no gap.
  const MARGIN = 6;

  /** Makes an element. `on...` are listeners, `true` is an empty attribute, children are nodes or text. */
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value != null) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child != null && child !== false));
    return element;
  };
  // Each text lacks the beginning that it shares with the text before it.
  let before = "";
  const texts = data.texts.rest.map((rest, at) => (before = before.slice(0, data.texts.shared[at]) + rest));
  const textOf = (value) => (value ? texts[value - 1] : "");
  const inGroups = (values, size) => {
    const groups = [];
    for (let at = 0; at < values.length; at += size) groups.push(values.slice(at, at + size));
    return groups;
  };
  // A field of all findings is one list.
  const rows = columns.id.map((id, at) => {
    const places = inGroups(columns.places[at], 4), remarks = (columns.remarks || [])[at] || [];
    const isNew = (columns.is_new || [])[at], file = textOf((columns.file || [])[at]), web = textOf((columns.web || [])[at]);
    return {
      id, is_new: Boolean(isNew),
      rule: columns.rule[at], severity: columns.severity[at], confidence: columns.confidence[at],
      className: columns.class[at] ? classes[columns.class[at] - 1] : "",
      secret: columns.secret[at], line: [columns.before[at], columns.after[at]],
      author: textOf(columns.author[at]), date: textOf(columns.date[at]),
      places: places.map(([text, line, column, commit], number) => ({
        text: texts[text], line, column, commit: textOf(commit), remark: textOf(remarks[number]),
      })),
      file, more: columns.more[at], now: columns.now[at],
      notes: inGroups(columns.notes[at], 2).map(([label, text]) => [texts[label], texts[text]]),
      repositories: ((columns.repositories || [])[at] || []).map((text) => texts[text]),
      page: web && web + columns.commit[at],
    };
  });
  const number = (count) => count.toLocaleString("en");
  const counted = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

  // ---- findings ----

  const placeText = ({ text, line, column }) => (line ? `${text}:${line}:${column}` : text);
  const directory = (path) => {
    const parts = path.split("/").slice(0, -1);
    return parts.length ? `${parts.slice(0, 2).join("/")}/` : "(top directory)";
  };
  // `now` of a row is a sum of these.
  const IN_HEAD = 2, PUBLISHED = 4, REACHABLE = 8;
  const stateOf = ({ now }) => {
    if (!now) return [];
    return [
      now & IN_HEAD ? "in HEAD" : "not in HEAD",
      now & PUBLISHED ? "published" : "on no remote-tracking branch",
      !(now & REACHABLE) && "unreachable",
    ].filter(Boolean);
  };
  /** The same in few words, for a narrow column. */
  const briefState = ({ now }) => {
    if (!now) return "";
    const reach = now & PUBLISHED ? "published" : now & REACHABLE ? "on no remote" : "unreachable";
    return `${now & IN_HEAD ? "in" : "not in"} HEAD, ${reach}`;
  };
  const findings = rows.map((row, at) => {
    const rule = rules[row.rule];
    const [first] = row.places, { author, date } = row;
    const place = first ? placeText(first) : "";
    const path = row.file || (first ? first.text : "");
    const isFile = Boolean(row.file || (first && first.line));
    return {
      at, row, rule, place, path, author, date,
      severity: severities[row.severity],
      confidence: confidences[row.confidence],
      here: Boolean(row.now & IN_HEAD),
      directory: isFile ? directory(path) : "(not in a file)",
      words: "",
    };
  });
  /** What a search looks at; made when it is first needed. */
  const wordsOf = (finding) => {
    if (!finding.words) {
      const { row, rule } = finding;
      const places = row.places.map((place) => `${placeText(place)} ${place.commit}`);
      finding.words = [
        row.id, rule.id, rule.description, rule.provider, row.secret, finding.severity, finding.author,
        finding.date, ...row.line, ...places,
      ].join(" ").toLowerCase();
    }
    return finding.words;
  };

  // ---- filters ----

  const year = (finding) => finding.date.slice(0, 4) || "(no date)";
  const allFacets = [
    { key: "severity", name: "Severity", order: severities, of: (f) => [f.severity] },
    { key: "confidence", name: "Confidence", order: confidences.slice().reverse(), of: (f) => [f.confidence] },
    { key: "state", name: "Where it is now", of: (f) => stateOf(f.row) },
    { key: "class", name: "Kind of file", of: (f) => (f.row.className ? [f.row.className] : []) },
    { key: "new", name: "Since the earlier report", of: (f) => (f.row.is_new ? ["new"] : []) },
    { key: "rule", name: "Rule", of: (f) => [f.rule.id] },
    isEstate
      ? { key: "repository", name: "Repository", of: (f) => f.row.repositories }
      : { key: "directory", name: "Directory", of: (f) => [f.directory] },
    { key: "author", name: "Author", of: (f) => (f.author ? [f.author] : []) },
    { key: "year", name: "Introduced in", hidden: true, of: (f) => [year(f)] },
  ];
  for (const facet of allFacets) {
    const numbers = new Map(), totals = [];
    facet.values = [];
    facet.chosen = new Set();
    facet.held = findings.map((finding) => [...new Set(facet.of(finding))].map((value) => {
      if (!numbers.has(value)) {
        numbers.set(value, facet.values.length);
        facet.values.push(value);
        totals.push(0);
      }
      const index = numbers.get(value);
      totals[index] += 1;
      return index;
    }));
    const rank = (index) => (facet.order ? facet.order.indexOf(facet.values[index]) : -totals[index]);
    facet.listed = facet.values.map((_, index) => index).sort((a, b) => rank(a) - rank(b)).slice(0, MANY);
    facet.numbers = numbers;
    // A value that all findings have divides nothing.
    facet.isUseful = totals.some((total) => total < findings.length);
    facet.counts = new Uint32Array(facet.values.length);
  }
  const isRepeated = findings.every((f) => f.severity === f.confidence);
  const facets = allFacets.filter((facet) => facet.isUseful && !(facet.key === "confidence" && isRepeated)
    || facet.key === "severity" || facet.key === "year");

  const sorts = {
    worst: ["worst first", null],
    newest: ["newest first", (a, b) => (a.date < b.date) - (a.date > b.date)],
    oldest: ["oldest first", (a, b) => (a.date > b.date) - (a.date < b.date)],
    place: [isEstate ? "repository" : "path", (a, b) => (a.path > b.path) - (a.path < b.path)],
    rule: ["rule", (a, b) => (a.rule.id > b.rule.id) - (a.rule.id < b.rule.id)],
  };
  const orders = {};
  const orderOf = (sort) => {
    if (!orders[sort]) {
      const compare = sorts[sort][1];
      orders[sort] = compare ? findings.slice().sort(compare) : findings;
    }
    return orders[sort];
  };
  const groupings = ["", ...facets.filter((facet) => !["state", "new"].includes(facet.key)).map((facet) => facet.key)];
  const facetOf = (key) => facets.find((facet) => facet.key === key);

  // ---- state, which is kept in the address ----

  const state = { search: "", sort: "worst", group: "", open: null, current: 0 };
  const folded = new Set(), picked = new Set();
  let matching = [], lines = [], years = new Map(), levels = new Map();

  const readAddress = () => {
    const hash = location.hash.slice(1);
    // `#4f3a…` alone is the address of a finding.
    const parts = new URLSearchParams(/^[0-9a-f]{6,}$/.test(hash) ? `id=${hash}` : hash);
    state.search = parts.get("q") || "";
    state.sort = Object.hasOwn(sorts, parts.get("sort")) ? parts.get("sort") : "worst";
    state.group = groupings.includes(parts.get("group")) ? parts.get("group") : "";
    for (const facet of facets) {
      facet.chosen = new Set(parts.getAll(facet.key).map((value) => facet.numbers.get(value))
        .filter((index) => index !== undefined));
    }
    const id = parts.get("id");
    const found = id && findings.find((finding) => finding.row.id.startsWith(id.slice(0, 12)));
    state.open = found ? found.at : null;
  };
  const writeAddress = () => {
    const parts = new URLSearchParams();
    if (state.search) parts.set("q", state.search);
    if (state.sort !== "worst") parts.set("sort", state.sort);
    if (state.group) parts.set("group", state.group);
    for (const facet of facets) for (const index of facet.chosen) parts.append(facet.key, facet.values[index]);
    if (state.open !== null) parts.set("id", rows[state.open].id);
    const hash = parts.toString();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  /** Works out what matches, and for each filter how many would match without it. */
  const filter = () => {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = words.filter((word) => !(word.startsWith("-") && word.length > 1));
    const unwanted = words.filter((word) => word.startsWith("-") && word.length > 1).map((word) => word.slice(1));
    const active = facets.filter((facet) => facet.chosen.size);
    for (const facet of facets) facet.counts.fill(0);
    const fits = new Uint8Array(findings.length);
    for (const finding of findings) {
      if (words.length) {
        const text = wordsOf(finding);
        if (!wanted.every((word) => text.includes(word)) || unwanted.some((word) => text.includes(word))) continue;
      }
      const at = finding.at;
      let failed = null, failures = 0;
      for (const facet of active) {
        if (!facet.held[at].some((index) => facet.chosen.has(index))) {
          failed = facet;
          failures += 1;
        }
      }
      if (failures > 1) continue;
      for (const facet of failures ? [failed] : facets) for (const index of facet.held[at]) facet.counts[index] += 1;
      fits[at] = failures ? 0 : 1;
    }
    matching = orderOf(state.sort).filter((finding) => fits[finding.at]);
  };

  /** The lines of the list: findings, below their groups if they are grouped. */
  const arrange = () => {
    const facet = state.group && facetOf(state.group);
    if (!facet) {
      lines = matching;
      return;
    }
    const groups = new Map();
    for (const finding of matching) {
      const held = facet.held[finding.at];
      const value = held.length ? facet.values[held[0]] : "(none)";
      if (!groups.has(value)) groups.set(value, { group: value, key: `${facet.key} ${value}`, members: [] });
      groups.get(value).members.push(finding);
    }
    const sorted = [...groups.values()];
    if (facet.order) sorted.sort((a, b) => facet.order.indexOf(a.group) - facet.order.indexOf(b.group));
    else if (state.sort === "worst") sorted.sort((a, b) => b.members.length - a.members.length);
    lines = sorted.flatMap((group) => (folded.has(group.key) ? [group] : [group, ...group.members]));
  };

  // ---- the list ----

  const list = byId("list");
  const drawn = new Map();
  let rowHeight = 30;

  const measure = () => {
    list.classList.toggle("tall", list.clientWidth <= 52 * parseFloat(getComputedStyle(document.documentElement).fontSize));
    rowHeight = parseFloat(getComputedStyle(list).getPropertyValue("--row")) || 30;
  };
  const checkbox = (isChecked, isPartly, label, act) => {
    const box = make("input", { type: "checkbox", tabindex: -1, "aria-label": label, onchange: act });
    box.checked = isChecked;
    box.indeterminate = isPartly;
    return make("span", { class: "pick", onclick: (event) => event.stopPropagation() }, box);
  };
  const drawFinding = (finding, at) => {
    const { row, rule } = finding;
    const isPublished = Boolean(row.now & PUBLISHED);
    return make("div", {
      class: "row", role: "option", id: `row-${at}`, "aria-selected": picked.has(finding.at) ? "true" : "false",
      onclick: () => { state.current = at; open(finding.at); },
    },
    checkbox(picked.has(finding.at), false, `Select ${row.id}`, () => toggle([finding])),
    make("span", { class: `level ${finding.severity}` }, row.is_new ? `${finding.severity} new` : finding.severity),
    make("span", { class: "what", title: `${rule.id}: ${rule.description}` }, rule.id, " ", make("code", { class: "dim" }, row.secret)),
    make("span", { class: "place", title: finding.place }, make("bdi", {}, finding.place)),
    make("span", { class: "author", title: finding.author }, finding.author),
    make("span", { class: `state${finding.here ? "" : " dim"}` },
      finding.here && "in HEAD",
      isPublished && make("span", { class: finding.here ? "also" : "" }, finding.here ? ", published" : "published"),
      row.now && !finding.here && !isPublished && (row.now & REACHABLE ? "in history" : "unreachable")),
    make("span", { class: "date" }, finding.date));
  };
  const drawGroup = (group, at) => {
    const count = group.members.filter((finding) => picked.has(finding.at)).length;
    const here = group.members.filter((finding) => finding.here).length;
    const isFolded = folded.has(group.key);
    return make("div", {
      class: "row group", role: "option", id: `row-${at}`, "aria-expanded": String(!isFolded),
      onclick: () => { state.current = at; fold(group); },
    },
    checkbox(count === group.members.length, count > 0 && count < group.members.length, `Select all of ${group.group}`, () => toggle(group.members)),
    make("span", { "aria-hidden": "true" }, isFolded ? "▸" : "▾"),
    make("span", { title: group.group }, group.group),
    make("span", { class: "number" }, here ? `${number(group.members.length)}, ${number(here)} in HEAD` : number(group.members.length)));
  };
  /** Draws the rows that are in view. */
  const draw = () => {
    const top = -list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
    const last = Math.min(lines.length, Math.ceil((top + innerHeight) / rowHeight) + MARGIN);
    for (const [at, element] of drawn) {
      if (at < first || at >= last) {
        element.remove();
        drawn.delete(at);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let at = first; at < last; at += 1) {
      if (drawn.has(at)) continue;
      const line = lines[at];
      const element = line.members ? drawGroup(line, at) : drawFinding(line, at);
      element.style.top = `${at * rowHeight}px`;
      drawn.set(at, element);
      fresh.append(element);
    }
    list.append(fresh);
    markCurrent();
  };
  const markCurrent = () => {
    for (const [at, element] of drawn) {
      const line = lines[at];
      element.classList.toggle("current", state.open === null ? at === state.current && list.matches(":focus") : line.at === state.open);
    }
    if (drawn.has(state.current)) list.setAttribute("aria-activedescendant", `row-${state.current}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const redraw = () => {
    for (const element of drawn.values()) element.remove();
    drawn.clear();
    list.style.height = `${lines.length * rowHeight}px`;
    draw();
  };
  let isWaiting = false;
  const drawSoon = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  };
  const reveal = (at) => {
    const top = list.getBoundingClientRect().top + at * rowHeight;
    const above = NARROW.matches ? 0 : document.querySelector(".bar").offsetHeight;
    const below = byId("picked").hidden ? 0 : byId("picked").offsetHeight;
    if (top < above) scrollBy(0, top - above);
    else if (top + rowHeight > innerHeight - below) scrollBy(0, top + rowHeight - innerHeight + below);
  };

  // ---- filters and charts on the page ----

  const choose = (facet, index) => {
    if (!facet.chosen.delete(index)) facet.chosen.add(index);
    update();
  };
  const buildFacet = (facet) => {
    facet.boxes = new Map();
    const field = make("fieldset", { class: "facet" }, make("legend", {}, facet.name));
    const add = (indexes) => indexes.map((index) => {
      const value = facet.values[index];
      const box = make("input", { type: "checkbox", onchange: () => choose(facet, index) });
      const count = make("span", { class: "number" });
      const label = make("label", {}, box, make("span", { class: "name", title: value }, value), count);
      facet.boxes.set(index, { box, count, label });
      return label;
    });
    field.append(...add(facet.listed.slice(0, FEW)));
    const others = facet.listed.slice(FEW);
    if (others.length) {
      const more = make("button", {
        type: "button", class: "quiet",
        onclick: () => {
          more.replaceWith(...add(others));
          showFacets();
        },
      }, `${number(others.length)} more`);
      field.append(more);
      facet.more = more;
      facet.others = new Set(others);
    }
    byId("facets").append(field);
  };
  const showFacets = () => {
    let active = 0;
    for (const facet of facets) {
      active += facet.chosen.size;
      if (!facet.boxes) continue;
      // What is chosen must be in view.
      if (facet.more && facet.more.isConnected && [...facet.chosen].some((index) => facet.others.has(index))) facet.more.click();
      for (const [index, { box, count, label }] of facet.boxes) {
        box.checked = facet.chosen.has(index);
        count.textContent = number(facet.counts[index]);
        label.classList.toggle("empty", facet.counts[index] === 0);
      }
    }
    byId("active").textContent = active ? `(${active})` : "";
    byId("reset").hidden = !active && !state.search;
  };
  const hasStanding = rows.some((row) => row.now);
  const buildCharts = () => {
    const severity = facetOf("severity");
    for (const index of severity.listed) {
      const value = severity.values[index];
      const here = make("span", { class: "here" }), gone = make("span"), count = make("span", { class: "number" });
      levels.set(value, { here, gone, count });
      byId("by-severity").querySelector(".bars").append(
        make("span", { class: `level ${value}` }, value), make("span", { class: "track" }, here, gone), count);
    }
    const byYear = facetOf("year");
    const known = byYear.values.filter((value) => /^\d{4}$/.test(value)).sort();
    const undated = byYear.values.length - known.length;
    byId("by-year").hidden = !known.length;
    byId("overview").classList.toggle("single", !known.length);
    if (known.length) {
      const all = [];
      // Years of damaged commits may be centuries away: empty years are shown only if they are few.
      const span = known[known.length - 1] - known[0];
      if (span < 30) for (let at = Number(known[0]); at <= Number(known[known.length - 1]); at += 1) all.push(String(at));
      else all.push(...known.slice(-30));
      for (const value of all) {
        const index = byYear.numbers.get(value);
        const here = make("span", { class: "here" }), gone = make("span"), count = make("span", { class: "count" });
        const button = make("button", {
          type: "button", "aria-pressed": "false", disabled: index === undefined,
          onclick: () => choose(byYear, index),
        }, count, make("span", { class: "stack" }, here, gone), make("span", { class: "year" }, make("span", { class: "century" }, value.slice(0, 2)), value.slice(2)));
        years.set(value, { here, gone, count, button, index });
        byId("by-year").querySelector(".columns").append(button);
      }
      byId("by-year").classList.toggle("many", all.length > 14);
      byId("by-year").title = undated ? "Findings without a date are not shown" : "";
    }
    document.querySelector(".key").hidden = !hasStanding;
    if (!hasStanding) byId("by-severity").querySelector("figcaption").textContent = "Severity";
  };
  const tally = (key) => {
    const all = new Map();
    for (const finding of matching) {
      const value = key(finding);
      const counts = all.get(value) || [0, 0];
      counts[finding.here ? 0 : 1] += 1;
      all.set(value, counts);
    }
    return all;
  };
  const showCharts = () => {
    const bySeverity = tally((finding) => finding.severity);
    const largest = Math.max(1, ...[...bySeverity.values()].map(([here, gone]) => here + gone));
    for (const [value, { here, gone, count }] of levels) {
      const [hereCount, goneCount] = bySeverity.get(value) || [0, 0];
      here.style.width = `${hereCount / largest * 100}%`;
      gone.style.width = `${goneCount / largest * 100}%`;
      const total = hereCount + goneCount;
      count.textContent = hasStanding && total ? `${number(total)}, ${number(hereCount)} in HEAD` : number(total);
    }
    const byYear = tally(year);
    const tallest = Math.max(1, ...[...years.keys()].map((value) => (byYear.get(value) || [0, 0]).reduce((a, b) => a + b)));
    for (const [value, { here, gone, count, button, index }] of years) {
      const [hereCount, goneCount] = byYear.get(value) || [0, 0];
      here.style.height = `${hereCount / tallest * 100}%`;
      gone.style.height = `${goneCount / tallest * 100}%`;
      count.textContent = hereCount + goneCount ? number(hereCount + goneCount) : " ";
      button.setAttribute("aria-label", `${value}: ${counted(hereCount + goneCount, "finding")} introduced, ${number(hereCount)} still in HEAD`);
      button.title = button.getAttribute("aria-label");
      button.setAttribute("aria-pressed", String(facetOf("year").chosen.has(index)));
    }
  };

  // ---- one finding ----

  const copyButton = (text) => {
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text());
      } catch {
        // Pages that are opened as files may not use the clipboard in all browsers.
        const area = make("textarea", { readonly: true });
        area.value = text();
        button.after(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    return button;
  };
  const command = (text) => make("div", { class: "command" }, make("pre", {}, text), copyButton(() => text));
  /** A link, if the address is that of a page; else its text. */
  const link = (address, text = address) => (address.startsWith("https://")
    ? make("a", { href: address, rel: "noreferrer noopener" }, text)
    : document.createTextNode(address));
  const listPlaces = (finding) => {
    const { row } = finding;
    const items = row.places.map((place) => {
      const { commit, remark } = place;
      return make("li", {}, make("code", {}, placeText(place)),
        commit && make("span", { class: "dim" }, " in ", make("code", {}, commit)),
        remark && make("span", { class: "dim" }, ` ${remark}`));
    });
    if (row.more) items.push(make("li", { class: "dim" }, `and ${number(row.more)} more`));
    return make("ul", {}, ...items);
  };
  const factsOf = (finding) => {
    const { row, rule } = finding;
    const facts = [];
    const first = row.places.length ? row.places[0].commit : "";
    if (first || finding.author) {
      const by = [finding.date, finding.author].filter(Boolean).join(", ");
      facts.push(["introduced", make("dd", {}, first && make("code", {}, first), first && by ? ` (${by})` : by,
        row.page && make("span", {}, " ", link(row.page, "open commit")))]);
    }
    for (const [label, text] of row.notes) facts.push([label, make("dd", {}, text)]);
    facts.push(["id", make("dd", {}, make("code", {}, row.id))]);
    facts.push(["rule", make("dd", {}, make("code", {}, rule.id))]);
    if (rule.docs) facts.push(["about this kind", make("dd", {}, link(rule.docs))]);
    return make("dl", {}, ...facts.flatMap(([label, value]) => [make("dt", {}, label), value]));
  };
  const showDetail = () => {
    const detail = byId("detail");
    const isOpen = state.open !== null;
    detail.hidden = !isOpen;
    byId("work").classList.toggle("open", isOpen);
    document.body.classList.toggle("reading", isOpen);
    if (!isOpen) return;
    const finding = findings[state.open];
    const { row, rule } = finding;
    const excerpt = make("pre", { class: "excerpt" });
    excerpt.append(row.line[0], make("mark", {}, row.secret), row.line[1]);
    const states = stateOf(row);
    if (row.className) states.push(row.className);
    detail.replaceChildren(
      make("div", { class: "head" },
        make("h2", {}, rule.description || rule.id),
        make("button", { type: "button", title: "Previous (k)", "aria-label": "Previous finding", onclick: () => step(-1) }, "↑"),
        make("button", { type: "button", title: "Next (j)", "aria-label": "Next finding", onclick: () => step(1) }, "↓"),
        make("button", { type: "button", title: "Close (Esc)", "aria-label": "Close", onclick: close }, "✕")),
      make("p", { class: "facts" },
        make("span", { class: `level ${finding.severity}` }, `${finding.severity} severity`),
        make("span", {}, `${finding.confidence} confidence`),
        ...states.map((text) => make("span", {}, text)),
        make("a", { href: `#${row.id}` }, "link to this finding")),
      excerpt,
      rule.rotate && make("p", {}, make("strong", {}, "Rotate it first: "), link(rule.rotate)) || "",
      factsOf(finding),
      make("h3", {}, isEstate ? `Repositories (${number(row.places.length + row.more)})` : `Places (${number(row.places.length + row.more)})`),
      listPlaces(finding),
    );
    if (data.has_commands) {
      detail.append(make("h3", {}, "Commands"), ...[
        `unleak explain ${row.id}`, `unleak ignore ${row.id} --reason 'WHY'`, `unleak purge --finding ${row.id}`,
      ].map(command));
    }
    detail.scrollTop = 0;
  };
  const open = (at) => {
    state.open = at;
    showDetail();
    changedLayout();
    if (NARROW.matches) byId("detail").focus();
    writeAddress();
  };
  const close = () => {
    state.open = null;
    showDetail();
    changedLayout();
    list.focus({ preventScroll: true });
    writeAddress();
  };
  /** The list became narrower or wider. */
  const changedLayout = () => {
    const before = rowHeight;
    const top = list.getBoundingClientRect().top;
    measure();
    if (before !== rowHeight) {
      // The same rows stay in view.
      const shift = top < 0 ? -top / before * (rowHeight - before) : 0;
      redraw();
      if (shift) scrollBy(0, shift);
    }
    draw();
    reveal(state.current);
  };
  const step = (by) => {
    if (!lines.length) return;
    let at = Math.min(lines.length - 1, Math.max(0, state.current + by));
    if (state.open !== null) {
      while (lines[at].members && lines[at + by]) at += by;
      if (lines[at].members) return;
    }
    state.current = at;
    if (state.open !== null) open(lines[at].at);
    else {
      draw();
      reveal(at);
    }
  };

  // ---- selection ----

  const toggle = (some) => {
    const areAll = some.every((finding) => picked.has(finding.at));
    for (const finding of some) {
      if (areAll) picked.delete(finding.at);
      else picked.add(finding.at);
    }
    showPicked();
    redraw();
  };
  const fold = (group) => {
    if (!folded.delete(group.key)) folded.add(group.key);
    arrange();
    redraw();
  };
  const showPicked = () => {
    const bar = byId("picked");
    bar.hidden = !picked.size;
    document.body.classList.toggle("picking", picked.size > 0);
    const all = byId("all");
    const count = matching.filter((finding) => picked.has(finding.at)).length;
    all.checked = count > 0 && count === matching.length;
    all.indeterminate = count > 0 && count < matching.length;
    if (!picked.size) return;
    const ids = findings.filter((finding) => picked.has(finding.at)).map((finding) => finding.row.id);
    const hidden = picked.size - count;
    const copyIds = copyButton(() => ids.join("\n"));
    bar.replaceChildren(make("div", { class: "head" },
      make("strong", {}, `${counted(picked.size, "finding")} selected`),
      hidden > 0 && make("span", { class: "dim" }, `${number(hidden)} of them hidden by filters`) || "",
      make("span", {}, "Ids: ", copyIds),
      make("button", { type: "button", class: "quiet", onclick: clearPicked }, "Clear selection")));
    if (data.has_commands) {
      bar.append(command(`unleak ignore ${ids.join(" ")} --reason 'WHY'`), command(`unleak purge ${ids.map((id) => `--finding ${id}`).join(" ")}`));
    }
  };
  const clearPicked = () => {
    picked.clear();
    showPicked();
    redraw();
  };

  // ---- all together ----

  const show = () => {
    filter();
    arrange();
    state.current = Math.max(0, state.open === null ? 0 : lines.findIndex((line) => line.at === state.open));
    measure();
    redraw();
    showFacets();
    showCharts();
    byId("tally").textContent = matching.length === findings.length
      ? counted(findings.length, "finding") : `${number(matching.length)} of ${counted(findings.length, "finding")}`;
    byId("none").hidden = matching.length > 0;
    list.hidden = matching.length === 0;
    showPicked();
  };
  const update = () => {
    show();
    writeAddress();
  };
  const reset = () => {
    for (const facet of facets) facet.chosen.clear();
    state.search = byId("search").value = "";
    update();
  };
  const load = () => {
    readAddress();
    byId("search").value = state.search;
    byId("sort").value = state.sort;
    byId("group").value = state.group;
    show();
    showDetail();
    changedLayout();
  };
  /** The findings that match, as a table on paper. */
  const print = () => {
    const cells = (name, values) => make("tr", {}, ...values.map((value) => make(name, {}, ...[value].flat())));
    const day = (date) => make("span", { class: "day" }, date);
    const body = matching.map(({ row, rule, severity, place, author, date }) => cells("td",
      [severity, `${rule.description || rule.id} ${row.secret}`, place, [author && `${author} `, day(date)], briefState(row), row.id]));
    const head = cells("th", ["Severity", "Finding", "Place", "Introduced", "Where it is now", "Id"]);
    byId("print").replaceChildren(make("p", {}, byId("tally").textContent), make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  };

  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    Enter: () => {
      const line = lines[state.current];
      if (line) line.members ? fold(line) : open(line.at);
    },
    x: () => {
      const line = lines[state.current];
      if (line) toggle(line.members || [line]);
    },
    a: () => toggle(matching),
    "/": () => byId("search").focus(),
    g: () => {
      const at = (groupings.indexOf(state.group) + 1) % groupings.length;
      state.group = byId("group").value = groupings[at];
      update();
    },
    "?": () => byId("keys").showModal(),
    Escape: () => {
      if (state.open !== null) close();
      else if (picked.size) clearPicked();
    },
  };
  keys[" "] = keys.x;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
    const target = event.target;
    if (target === byId("search")) {
      if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") {
        list.focus({ preventScroll: true });
        draw();
        event.preventDefault();
      }
      return;
    }
    const isControl = target.closest("input, select, textarea, button, a, summary");
    if (isControl && ["Enter", " ", "ArrowDown", "ArrowUp"].includes(event.key)) return;
    const act = Object.hasOwn(keys, event.key) && keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  for (const [key, [name]] of Object.entries(sorts)) byId("sort").append(make("option", { value: key }, name));
  for (const key of groupings) byId("group").append(make("option", { value: key }, key ? facetOf(key).name.toLowerCase() : "none"));
  byId("search").addEventListener("input", () => { state.search = byId("search").value; update(); });
  byId("sort").addEventListener("input", () => { state.sort = byId("sort").value; update(); });
  byId("group").addEventListener("input", () => { state.group = byId("group").value; update(); });
  byId("all").addEventListener("change", () => toggle(matching));
  byId("reset").addEventListener("click", reset);
  byId("widen").addEventListener("click", reset);
  byId("help").addEventListener("click", () => byId("keys").showModal());
  list.addEventListener("focus", draw);
  list.addEventListener("blur", draw);
  addEventListener("scroll", drawSoon, { passive: true });
  addEventListener("resize", changedLayout);
  addEventListener("hashchange", load);
  addEventListener("beforeprint", print);
  addEventListener("afterprint", () => byId("print").replaceChildren());
  byId("filters").open = !NARROW.matches;
  NARROW.addEventListener("change", () => { byId("filters").open = !NARROW.matches; });
  // The first search is as fast as the others if the words are there.
  const prepare = (from) => {
    for (const finding of findings.slice(from, from + 500)) wordsOf(finding);
    if (from + 500 < findings.length) setTimeout(prepare, 0, from + 500);
  };
  setTimeout(prepare, 0, 0);
  byId("overview").hidden = byId("work").hidden = false;
  for (const facet of facets) if (!facet.hidden) buildFacet(facet);
  buildCharts();
  load();
})();
