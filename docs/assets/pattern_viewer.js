// Attention patterns of every head on one text. Data: {tokens, layers, heads, start: [layer, head],
// patterns}; patterns is base64, head after head, the lower triangle of each with one byte per entry.
(() => {
  "use strict";
  const { element, quoted, bytes, percent, tint, live, TokenRow } = globalThis.miParts;
  const INK = [36, 144, 205]; // reads on a light page and on a dark one
  const NARROW = "(max-width: 600px)";
  const NARROW_ROW = 9; // heads side by side on a narrow page
  const LARGEST = 120; // pixels across a head of the overview, or one per token of a long text

  class PatternViewer {
    constructor(root, data) {
      Object.assign(this, { root, ...data, n: data.tokens.length });
      [this.layer, this.head] = data.start;
      this.bytes = bytes(data.patterns);
      this.token = this.n - 1;
      this.key = null;
      this.build();
      this.layOut();
      matchMedia(NARROW).addEventListener("change", () => this.layOut());
    }

    attention(layer, head, query, key) {
      if (key > query) return 0;
      const triangle = (this.n * (this.n + 1)) / 2;
      return this.bytes[(layer * this.heads + head) * triangle + (query * (query + 1)) / 2 + key] / 255;
    }

    build() {
      const options = Array.from({ length: this.layers * this.heads }, (_, i) =>
        element("option", { value: i, textContent: `${Math.floor(i / this.heads)}.${i % this.heads}` }));
      this.select = element("select", { ariaLabel: "Head" }, ...options);
      this.axes = element("span", { className: "facts" });
      this.grid = element("canvas", { tabIndex: 0, role: "img", ariaLabel: `All ${options.length} heads; arrow keys choose one` });
      this.frame = element("i", { className: "frame" });
      this.sheet = element("div", { className: "sheet" }, this.grid, this.frame);
      this.overview = element("div", { className: "overview" }, this.sheet);
      this.matrix = element("canvas", { width: this.n, height: this.n, ariaHidden: "true" });
      this.rowFrame = element("i", { className: "frame" });
      this.cellFrame = element("i", { className: "frame thin" });
      this.square = element("div", { className: "sheet matrix" }, this.matrix, this.rowFrame, this.cellFrame);
      this.row = new TokenRow(this.tokens, "Tokens", (place) => this.look(place));
      this.status = live();
      const legend = element("p", { className: "facts" }, element("i", { className: "to" }), "where this token attends ",
        element("i", { className: "from" }), "which later tokens attend to it");
      this.root.append(element("div", { className: "head" }, element("label", {}, "Head ", this.select), this.axes), this.overview,
        element("div", { className: "pair" }, this.square, element("div", { className: "read" }, this.row.root, legend, this.status)));

      this.select.addEventListener("change", () => this.choose(Math.floor(this.select.value / this.heads), this.select.value % this.heads));
      this.grid.addEventListener("click", (event) => this.choose(...this.headUnder(event)));
      this.grid.addEventListener("mousemove", (event) => {
        this.grid.title = `head ${this.headUnder(event).join(".")}`;
      });
      this.grid.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const step = steps[event.key];
        if (!step) return;
        event.preventDefault();
        const [layer, head] = this.wide ? step : [step[1], step[0]];
        this.choose(this.layer + layer, this.head + head);
      });
      this.matrix.addEventListener("mousemove", (event) => {
        const [key, query] = this.placeIn(this.matrix, event, this.n, this.n);
        this.look(query, key <= query ? key : null);
      });
    }

    placeIn(canvas, event, columns, rows) {
      const box = canvas.getBoundingClientRect();
      const place = (at, size, count) => Math.min(count - 1, Math.max(0, Math.floor((at / size) * count)));
      return [place(event.clientX - box.left, box.width, columns), place(event.clientY - box.top, box.height, rows)];
    }

    headUnder(event) {
      const place = this.placeIn(this.grid, event, ...(this.wide ? [this.layers, this.heads] : [this.heads, this.layers]));
      return this.wide ? place : place.reverse();
    }

    // One pixel for each entry, one between heads; the style sheet enlarges it without smoothing.
    // The longer side goes across, unless the page is narrow and the side is long.
    layOut() {
      const more = this.layers - this.heads;
      const down = matchMedia(NARROW).matches && Math.max(this.layers, this.heads) > NARROW_ROW;
      this.wide = down ? more <= 0 : more >= 0;
      const [columns, rows] = this.wide ? [this.layers, this.heads] : [this.heads, this.layers];
      const pitch = this.n + 1;
      Object.assign(this.grid, { width: columns * pitch, height: rows * pitch });
      this.sheet.style.maxWidth = `${columns * Math.max(pitch, LARGEST)}px`;
      const context = this.grid.getContext("2d");
      for (let layer = 0; layer < this.layers; layer++)
        for (let head = 0; head < this.heads; head++) {
          const [column, row] = this.wide ? [layer, head] : [head, layer];
          context.putImageData(this.image(layer, head), column * pitch, row * pitch);
        }
      const across = (name, count) => (count > 1 ? `${name}s 0 to ${count - 1}` : `${name} 0`);
      const [first, second] = this.wide ? [across("layer", this.layers), across("head", this.heads)] : [across("head", this.heads), across("layer", this.layers)];
      this.axes.textContent = `Each square is a head: ${first} from left to right, ${second} from top to bottom. In a square: queries down, keys across.`;
      this.choose(this.layer, this.head);
      this.overview.scrollTop = this.frame.offsetTop - this.overview.clientHeight / 2;
    }

    image(layer, head) {
      const image = new ImageData(this.n, this.n);
      for (let query = 0; query < this.n; query++)
        for (let key = 0; key < this.n; key++) {
          // The exponent keeps weak attention visible beside the first token's.
          const alpha = key > query ? 14 : 24 + 231 * this.attention(layer, head, query, key) ** 0.6;
          image.data.set([...INK, alpha], 4 * (query * this.n + key));
        }
      return image;
    }

    choose(layer, head) {
      this.layer = Math.min(this.layers - 1, Math.max(0, layer));
      this.head = Math.min(this.heads - 1, Math.max(0, head));
      this.select.value = this.layer * this.heads + this.head;
      const [column, row, columns, rows] = this.wide
        ? [this.layer, this.head, this.layers, this.heads]
        : [this.head, this.layer, this.heads, this.layers];
      this.put(this.frame, column / columns, row / rows, 1 / columns, 1 / rows);
      this.matrix.getContext("2d").putImageData(this.image(this.layer, this.head), 0, 0);
      this.look(this.token, this.key);
    }

    put(frame, left, top, width, height) {
      const parts = { left, top, width, height };
      for (const [name, share] of Object.entries(parts)) frame.style[name] = `${100 * share}%`;
    }

    look(token, key = null) {
      [this.token, this.key] = [token, key];
      const { layer, head, n, tokens } = this;
      const row = tokens.map((_, place) => this.attention(layer, head, token, place));
      this.row.mark(token, tokens.map((_, place) =>
        place <= token ? tint("to", row[place]) : tint("from", this.attention(layer, head, place, token))));
      this.put(this.rowFrame, 0, token / n, (token + 1) / n, 1 / n);
      this.cellFrame.hidden = key === null;
      if (key !== null) this.put(this.cellFrame, key / n, token / n, 1 / n, 1 / n);
      const name = (place) => `${quoted(tokens[place])} (${place})`;
      const best = row.map((share, place) => [share, place]).filter(([share]) => share >= 0.01)
        .sort((one, other) => other[0] - one[0]).slice(0, 3).map(([share, place]) => `${name(place)} ${percent(share)}`);
      const cell = key === null ? "" : `; to ${name(key)} ${percent(row[key])}`;
      this.status.textContent = `Head ${layer}.${head}: ${name(token)} attends to ${best.join(", ")}${cell}.`;
    }
  }

  globalThis.miViewers = { ...globalThis.miViewers, patterns: PatternViewer };
})();
