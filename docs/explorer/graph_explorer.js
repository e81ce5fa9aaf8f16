// The graph explorer: canvas, tables whose numbers add up, pins, supernodes, undo, and a link that
// restores the view. Everything from a file is written with textContent, so nothing in it can run.
(() => {
  "use strict";

  const { read, parse, LIMITS, GraphCanvas, GraphState } = globalThis.miGraphs;
  const { element, shown: readable } = globalThis.miParts;
  const ROWS = 12, DRAWN = 150;
  const KIND_NAMES = {
    unit: "shown nodes", token: "tokens", position: "position embeddings", error: "errors", remainder: "remainders (nodes not shown)",
    bias: "biases", attention: "attention moved", norm: "norms", target: "targets",
  };
  const HELP = "Arrow keys move between nodes, Enter chooses, i and o follow the strongest edge in or out, p pins, " +
    "+ and - zoom, Shift and arrows pan, 0 shows everything, z undoes, Escape lets go.";

  function button(text, action, properties = {}) {
    const made = element("button", { type: "button", textContent: text, ...properties });
    made.addEventListener("click", action);
    return made;
  }

  const thousandths = (value) => Math.round(value * 1000);
  const signed = (value) => globalThis.miParts.signed(value, 3);
  const percent = (value) => `${(100 * value).toFixed(value > 0.995 || value < 0.1 ? 1 : 0)} %`;

  class GraphExplorer {
    constructor(root, data) {
      this.root = root;
      root.classList.add("mi-graph");
      this.build();
      this.canvas = new GraphCanvas(this.surface, {
        hover: (node) => this.hover(node),
        click: (node, pin) => this.click(node, pin),
        panned: (took) => (this.root.dataset.slowestPan = Math.max(took, this.root.dataset.slowestPan ?? 0).toFixed(2)),
      });
      this.open(read(data));
      window.addEventListener("hashchange", () => this.readLink());
      this.readLink();
    }

    build() {
      this.title = element("strong", { className: "title" });
      this.facts = element("span", { className: "facts" });
      this.file = element("input", { type: "file", accept: ".json,application/json", hidden: true });
      this.file.addEventListener("change", () => this.file.files[0] && this.load(this.file.files[0]));
      this.slider = element("input", { type: "range", min: 0.05, max: 1, step: 0.01, ariaLabel: "Share of influence that is shown" });
      this.kept = element("output");
      this.slider.addEventListener("pointerdown", () => (this.dragging = false));
      this.slider.addEventListener("input", () => this.slide(Number(this.slider.value)));
      this.slider.addEventListener("change", () => (this.dragging = false));
      this.search = element("input", { type: "search", placeholder: "Find a node", ariaLabel: "Find a node by its label, token or number" });
      this.search.addEventListener("input", () => this.find());
      this.found = element("div", { className: "found" });
      this.strongest = this.box("strongest edges", "strongest");
      this.only = this.box("pinned only", "only");
      this.undoButton = button("Undo", () => this.undo());
      this.redoButton = button("Redo", () => this.redo());
      const tools = element("div", { className: "tools" },
        element("label", {}, "Influence ", this.slider, " ", this.kept), this.strongest.label, this.only.label,
        this.undoButton, this.redoButton,
        button("−", () => this.canvas.zoom(1 / 1.4), { ariaLabel: "Zoom out" }), button("+", () => this.canvas.zoom(1.4), { ariaLabel: "Zoom in" }),
        button("Fit", () => this.canvas.fit()), button("Link", () => this.link()), button("Open a file", () => this.file.click()), this.search);
      this.surface = element("canvas", { tabIndex: 0, ariaLabel: `Attribution graph. ${HELP}` });
      this.surface.setAttribute("role", "application");
      this.surface.addEventListener("keydown", (event) => this.key(event));
      this.panel = element("div", { className: "panel" });
      this.status = element("p", { className: "status" });
      this.status.setAttribute("aria-live", "polite");
      this.linkField = element("input", { className: "link", readOnly: true, hidden: true, ariaLabel: "Link to this view" });
      const key = element("p", { className: "key", textContent: "● shown node (— across: negative)  ■ token, target  ▬ position  ◇ remainder, error  △ bias, constant  ◆ attention. Solid edges raise, dashed edges lower." });
      this.root.append(element("div", { className: "head" }, this.title, this.facts), tools, this.found, this.linkField,
        element("div", { className: "board" }, element("div", { className: "surface" }, this.surface), this.panel),
        this.status, key, element("p", { className: "key", textContent: HELP }), this.file);
      this.root.addEventListener("dragover", (event) => event.preventDefault());
      this.root.addEventListener("drop", (event) => {
        event.preventDefault();
        if (event.dataTransfer.files[0]) this.load(event.dataTransfer.files[0]);
      });
    }

    box(text, field) {
      const input = element("input", { type: "checkbox" });
      input.addEventListener("change", () => {
        this.state.change({ [field]: input.checked });
        this.render();
      });
      return { input, label: element("label", {}, input, ` ${text}`) };
    }

    // A file replaces the graph only if all of it can be read.
    async load(file) {
      this.file.value = "";
      try {
        if (file.size > LIMITS.bytes) throw new Error(`expected at most ${LIMITS.bytes / 1e6} MB, got ${(file.size / 1e6).toFixed(0)} MB; prune the graph`);
        this.open(parse(await file.text()));
        this.tell(`${file.name} is open.`);
      } catch (error) {
        this.tell(`${file.name} cannot be shown. ${error.message}`);
      }
    }

    open(graph) {
      this.graph = graph;
      this.state = new GraphState(graph);
      this.state.adjust({ chosen: { node: graph.nodes.findIndex((node) => node.kind === "target") } });
      this.hovered = -1;
      this.live = graph.live ? new globalThis.miGraphs.GraphLive(graph, (text) => this.tell(text)) : null;
      this.title.textContent = graph.contrast === null ? graph.prompt : `${graph.prompt}  against  ${graph.contrast}`;
      const units = graph.nodes.filter((node) => node.kind === "unit").length;
      const share = graph.unaccounted === null ? "" : `; ${percent(graph.unaccounted)} of the flow ends in remainders or errors: not accounted for`;
      this.facts.textContent = `${graph.model}: ${units.toLocaleString("en")} nodes, ${graph.weight.length.toLocaleString("en")} edges, effect on ${graph.metric}${share}`;
      this.canvas.show(graph, this.scene());
      this.render();
    }

    name(node) {
      const one = this.graph.nodes[node];
      return one.label || `${one.type} ${one.layer === -1 ? "" : one.layer}${one.unit === null ? "" : `.${one.unit}`}`;
    }

    place(node) {
      const one = this.graph.nodes[node]; // the labels of other kinds name their place
      return one.label && one.kind !== "unit" && one.kind !== "target" ? "" : `at ${readable(this.graph.tokens[one.pos])} (${one.pos})`;
    }

    both(node) {
      return `${this.name(node)} ${this.place(node)}`.trim();
    }

    scene() {
      const { state, graph } = this, { now } = state, chosen = state.members();
      const all = chosen.flatMap((node) => [...graph.incoming(node), ...graph.outgoing(node)]);
      all.sort((one, other) => Math.abs(graph.weight[other]) - Math.abs(graph.weight[one]));
      const focus = new Set(all.slice(0, DRAWN)); // the tables list all of them
      if (!chosen.length || now.only)
        for (const pin of now.pins) for (const edge of graph.incoming(pin)) if (now.pins.includes(graph.source[edge])) focus.add(edge);
      const near = new Set([...focus].flatMap((edge) => [graph.source[edge], graph.target[edge]]));
      const grouped = new Set(now.groups.flatMap((group) => group.members));
      const single = now.pins.filter((pin) => !grouped.has(pin)).map((pin) => ({ name: this.name(pin), members: [pin] }));
      const shown = Uint8Array.from(graph.nodes, (_, node) => Number(state.shown(node)));
      return {
        shown: (node) => shown[node] === 1,
        dimmed: (node) => chosen.length > 0 && !near.has(node) && !chosen.includes(node),
        focus: [...focus],
        named: [...now.groups, ...single, ...(now.chosen?.group === undefined ? [] : [now.groups[now.chosen.group]])],
        selected: chosen.length === 1 ? chosen[0] : -1,
        hovered: this.hovered,
        strongest: now.strongest && !now.only,
      };
    }

    render() {
      const { now } = this.state;
      this.slider.value = now.kept;
      this.kept.textContent = percent(now.kept);
      this.strongest.input.checked = now.strongest;
      this.only.input.checked = now.only;
      this.undoButton.disabled = !this.state.past.length;
      this.redoButton.disabled = !this.state.future.length;
      this.linkField.hidden = true;
      this.canvas.update(this.scene());
      this.panel.replaceChildren(...this.chosenPart(), ...this.pinnedPart(), ...(this.live?.part(this.state, (node) => this.name(node)) ?? []));
    }

    tell(text) {
      this.status.textContent = text;
    }

    // The chosen node or group, and its edges.
    chosenPart() {
      const members = this.state.members(), { graph, state } = this;
      if (!members.length) return [element("p", { textContent: "Choose a node: its edges in and out are listed here, and they add up." })];
      const [first] = members, node = graph.nodes[first], { chosen, groups } = state.now;
      const parts = [];
      if (chosen.group === undefined) {
        parts.push(element("h4", { textContent: this.name(first) }), element("p", { className: "facts", textContent: `${node.kind === "target" ? "output" : node.layer === -1 ? (node.kind === "token" || node.kind === "position" ? "embedding" : "all layers") : `layer ${node.layer}`}${node.unit === null ? "" : `, unit ${node.unit}`} ${this.place(first)}` }));
        if (node.activation !== null) parts.push(element("p", { textContent: `${node.kind === "target" ? "Probability of the first token" : "Activation"} ${node.activation.toFixed(3).replace("-", "−")}` }));
        if (node.writes.length) parts.push(element("p", { textContent: `Writes: ${node.writes.map(readable).join("  ")}` }));
        if (node.fires.length) parts.push(element("p", { textContent: `Fires at: ${node.fires.map(readable).join("  ")}` }));
        parts.push(button(state.now.pins.includes(first) ? "Unpin" : "Pin", () => this.pin(first)));
      } else {
        parts.push(element("h4", { textContent: `${groups[chosen.group].name}: ${members.length} nodes` }),
          element("p", { className: "facts", textContent: members.map((one) => this.name(one)).join(", ") }),
          button("Ungroup", () => {
            state.ungroup(chosen.group);
            this.render();
          }));
      }
      const totals = members.map((member) => graph.nodes[member].total);
      const total = totals.includes(null) ? null : totals.reduce((sum, one) => sum + one, 0);
      parts.push(...this.table("Incoming edges", members, true, total), ...this.table("Outgoing edges", members, false, null));
      return parts;
    }

    table(title, members, into, total) {
      const ledger = this.state.ledger(members, into);
      if (!ledger.kinds.size) return [element("p", { className: "facts", textContent: `${title}: none.` })];
      const body = element("tbody");
      let shown = 0;
      const line = (label, value, className = "") => {
        if (className !== "sum") shown += thousandths(value);
        body.append(element("tr", { className }, element("td", {}, label), element("td", { textContent: signed(value) })));
      };
      for (const row of ledger.rows.slice(0, ROWS)) line(this.party(row), row.weight);
      const rest = ledger.rows.slice(ROWS);
      if (rest.length) line(`${rest.length} smaller ones`, rest.reduce((sum, row) => sum + row.weight, 0), "rest");
      if (ledger.n_hidden) line(`${ledger.n_hidden} edges hidden by the view`, ledger.hidden, "rest");
      const rounding = thousandths(ledger.total) - shown;
      if (rounding) line("rounding", rounding / 1000, "rest");
      line("sum", ledger.total, "sum");
      const parts = [element("h5", { textContent: `${title} (${ledger.rows.length + ledger.n_hidden})` }), element("table", { className: "edges" }, body)];
      if (total !== null) parts.push(this.verdict(ledger.total, total));
      const kinds = [...ledger.kinds].map(([kind, value]) => `${KIND_NAMES[kind]} ${signed(value)}`);
      parts.push(element("p", { className: "facts", textContent: `By kind: ${kinds.join(", ")}` }));
      return parts;
    }

    verdict(sum, total) {
      const off = Math.abs(sum - total), fine = off <= 1e-3 * Math.max(1, Math.abs(total));
      const text = fine ? `The model's own value: ${signed(total)}. They agree${off ? ` to ${off.toExponential(0)}` : ""}.` : `The model's own value is ${signed(total)}: this graph does not add up here, ${signed(total - sum)} is missing.`;
      return element("p", { className: fine ? "agrees" : "warning", textContent: text });
    }

    party(row) {
      if (row.key === "inside") return "inside this group";
      const text = row.node === null ? this.state.now.groups[row.group].name : this.both(row.node);
      return button(text, () => this.choose(row.node === null ? { group: row.group } : { node: row.node }), { className: "party" });
    }

    pinnedPart() {
      const { pins, groups } = this.state.now;
      if (!pins.length) return [];
      const boxes = [];
      const rows = pins.map((pin) => {
        const box = element("input", { type: "checkbox", ariaLabel: `Select ${this.name(pin)} for a group` });
        boxes.push([box, pin]);
        const group = this.state.groupOf(pin);
        return element("li", {}, box, button(this.both(pin), () => this.choose({ node: pin }), { className: "party" }), group < 0 ? "" : ` in ${groups[group].name}`);
      });
      const name = element("input", { type: "text", maxLength: 60, placeholder: "name of a supernode", ariaLabel: "Name of the supernode" });
      const make = button("Group", () => {
        const members = boxes.filter(([box]) => box.checked).map(([, pin]) => pin);
        if (!members.length || !name.value.trim()) return this.tell("Tick at least one pinned node, and write a name.");
        this.state.group(name.value.trim(), members);
        this.render();
        this.tell(`${members.length} nodes are one supernode now.`);
      });
      const list = groups.map((group, place) => element("li", {}, button(`${group.name}: ${group.members.length} nodes`, () => this.choose({ group: place }), { className: "party" })));
      return [element("h4", { textContent: `Pinned (${pins.length})` }), element("ul", {}, ...rows), element("p", { className: "grouping" }, name, make), element("ul", {}, ...list)];
    }

    choose(chosen) {
      this.state.change({ chosen });
      this.hovered = -1;
      this.render();
      if (chosen?.node !== undefined) {
        this.canvas.reveal(chosen.node);
        this.tell(this.both(chosen.node));
      }
    }

    click(node, pin) {
      if (node >= 0 && pin) return this.pin(node);
      if (node >= 0 || this.state.now.chosen) this.choose(node < 0 ? null : { node });
    }

    pin(node) {
      this.state.toggle(node);
      this.render();
      this.tell(`${this.name(node)} is ${this.state.now.pins.includes(node) ? "" : "not "}pinned.`);
    }

    hover(node) {
      if (node === this.hovered) return;
      this.hovered = node;
      this.surface.title = node < 0 ? "" : this.both(node);
      this.canvas.update({ ...this.canvas.scene, hovered: node });
    }

    slide(kept) {
      if (this.dragging) this.state.adjust({ kept });
      else this.state.change({ kept });
      this.dragging = true;
      this.render();
    }

    undo() {
      if (this.state.undo()) this.render();
    }

    redo() {
      if (this.state.redo()) this.render();
    }

    find() {
      const words = this.search.value.trim().toLowerCase().split(/\s+/).filter(Boolean), hits = [];
      if (words.length)
        for (let node = 0; node < this.graph.nodes.length && hits.length < 8; node++) {
          const text = `${this.both(node)} ${this.graph.nodes[node].writes.join(" ")}`.toLowerCase();
          if (words.every((word) => text.includes(word))) hits.push(node);
        }
      const buttons = hits.map((node) => button(this.both(node), () => {
        this.search.value = "";
        this.found.replaceChildren();
        this.choose({ node });
        this.surface.focus();
      }));
      this.found.replaceChildren(...(words.length && !hits.length ? ["No node has these words."] : buttons));
    }

    // Follow the strongest edge of the chosen node to a node that is shown.
    follow(into) {
      const [row] = this.state.ledger(this.state.members(), into).rows.filter((one) => one.node !== null);
      if (row) this.choose({ node: row.node });
    }

    key(event) {
      if (!event.ctrlKey && !event.metaKey && event.key !== "Tab") event.stopPropagation(); // the book turns pages at p and n
      const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const [chosen] = this.state.members(), step = arrows[event.key];
      const from = this.hovered >= 0 ? this.hovered : chosen ?? this.graph.nodes.findIndex((node) => node.kind === "target");
      const other = event.ctrlKey || event.metaKey || event.altKey;
      if (step && event.shiftKey) this.canvas.pan(-60 * step[0], 60 * step[1]);
      else if (step && !other) {
        const next = this.canvas.next(from, ...step);
        if (next >= 0) {
          this.hover(next);
          this.canvas.reveal(next);
          this.tell(this.both(next));
        }
      } else if (other && event.key !== "z") return;
      else if (event.key === "Enter" || event.key === " ") this.choose({ node: from });
      else if (event.key === "p") this.pin(from);
      else if (event.key === "i" || event.key === "o") this.follow(event.key === "i");
      else if (event.key === "+" || event.key === "-") this.canvas.zoom(event.key === "+" ? 1.4 : 1 / 1.4);
      else if (event.key === "0") this.canvas.fit();
      else if (event.key === "z") this.undo();
      else if (event.key === "Z") this.redo();
      else if (event.key === "Escape") this.choose(null);
      else return;
      event.preventDefault();
    }

    link() {
      const hash = `#graph=${encodeURIComponent(this.graph.slug)}&view=${this.state.save(this.canvas.camera)}`;
      this.written = hash;
      window.location.hash = hash;
      Object.assign(this.linkField, { hidden: false, value: window.location.href });
      this.linkField.select();
      this.tell("The link to this view is selected, and is in the address bar too.");
    }

    readLink() {
      const fields = new URLSearchParams(window.location.hash.slice(1));
      if (!fields.has("view") || fields.get("graph") !== this.graph.slug || window.location.hash === this.written) return;
      try {
        const { missing, camera } = this.state.restore(fields.get("view"));
        if (camera) this.canvas.camera = camera;
        this.render();
        this.tell(missing ? `${missing} nodes of the link are not in this graph.` : "The view of the link is restored.");
      } catch (error) {
        this.tell(error.message);
      }
    }
  }

  globalThis.miViewers = { ...globalThis.miViewers, graph: GraphExplorer };
})();
