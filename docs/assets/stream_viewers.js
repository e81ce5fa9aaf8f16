// Views of the residual stream: the logit lens, attribution of a logit, and a map of heads.
(() => {
  "use strict";
  const { element, shown, quoted, percent, signed, tint, live, TokenRow, Table } = globalThis.miParts;
  const sign = (value, largest) => tint(value < 0 ? "from" : "to", largest ? Math.abs(value) / largest : 0);

  // Data: {tokens, layers: [name], words: [string], top: [layer][pos] -> [word, share, word, share...],
  // answer: {words: [pos], shares: [layer][pos], ranks: [layer][pos]}}, the last layer last; a word
  // is a place in `words`.
  class LensViewer {
    constructor(root, data) {
      Object.assign(this, data);
      this.order = data.layers.map((_, layer) => layer).reverse(); // the last layer on top
      this.shade = element("select", { ariaLabel: "Shading" },
        element("option", { value: "cell", textContent: "the token in the cell" }),
        element("option", { value: "answer", textContent: "the model's own prediction" }));
      this.table = new Table({
        rows: this.order.map((layer) => data.layers[layer]), columns: data.tokens.map(shown),
        label: "Most likely next token by layer and position", corner: "layer",
        look: (row, column) => this.look(this.order[row], column),
      });
      this.table.root.classList.add("words");
      this.status = live();
      this.best = element("p", { className: "largest" });
      this.status.textContent = "Point at a cell, or move with Tab and the arrow keys.";
      root.append(element("div", { className: "head" }, element("label", {}, "Shaded by the probability of ", this.shade)),
        this.table.root, this.status, this.best);
      this.shade.addEventListener("change", () => this.fill());
      this.fill();
      this.table.root.scrollLeft = this.table.root.scrollWidth;
    }

    fill() {
      const own = this.shade.value === "answer";
      this.order.forEach((layer, row) => this.tokens.forEach((_, place) => {
        const [word, share] = this.top[layer][place];
        this.table.fill(row, place, shown(this.words[word]), tint("to", own ? this.answer.shares[layer][place] : share));
      }));
    }

    look(layer, place) {
      const entries = this.top[layer][place];
      const words = [];
      for (let at = 0; at < entries.length; at += 2) words.push(`${quoted(this.words[entries[at]])} ${percent(entries[at + 1])}`);
      const { words: answers, shares, ranks } = this.answer;
      this.status.textContent = `After ${quoted(this.tokens[place])} (${place}), layer ${this.layers[layer]}: ${words.join(", ")}.`;
      this.best.textContent = `The model's own prediction here, ${quoted(this.words[answers[place]])}, has ` +
        `${percent(shares[layer][place])} and is number ${ranks[layer][place] + 1} of the vocabulary.`;
    }
  }

  // Data: {tokens, targets: [pos], columns: [name], layers, values: [pos][layer][column], start: [pos]
  // (embeddings), rest: [pos] (biases behind the last layer)}. All parts sum to the target's logit.
  class AttributionViewer {
    constructor(root, data) {
      Object.assign(this, data);
      this.order = Array.from({ length: data.layers }, (_, layer) => data.layers - 1 - layer);
      this.row = new TokenRow(data.tokens, "Tokens", () => {});
      this.row.buttons.forEach((button, place) => {
        button.addEventListener("focus", () => this.choose(place));
        button.addEventListener("click", () => this.choose(place));
      });
      this.sum = live();
      this.table = new Table({
        rows: this.order.map(String), columns: [...data.columns, "sum so far"],
        label: "Contributions by layer and component", corner: "layer",
        look: (row, column) => this.look(this.order[row], column),
      });
      this.status = live();
      this.largest = element("p", { className: "largest" });
      root.append(element("p", { className: "facts" }, "Choose a token; the table splits the logit of what it predicts. ",
        element("i", { className: "to" }), "adds to the logit ", element("i", { className: "from" }), "subtracts from it"),
      this.row.root, this.sum, this.table.root, this.status, this.largest);
      this.choose(data.tokens.length - 1);
    }

    choose(place) {
      if (place === this.place) return;
      this.place = place;
      const values = this.values[place];
      const largest = Math.max(...values.flat().map(Math.abs));
      let total = this.start[place];
      this.sums = values.map((row) => (total += row.reduce((one, other) => one + other, 0)));
      const top = Math.max(...this.sums.map(Math.abs));
      this.order.forEach((layer, row) => {
        values[layer].forEach((value, column) => this.table.fill(row, column, "", sign(value, largest)));
        this.table.fill(row, this.columns.length, signed(this.sums[layer], 1), sign(this.sums[layer], top));
      });
      this.row.mark(place, this.tokens.map(() => "none"));
      const rest = this.rest[place] ? ` and biases ${signed(this.rest[place])}` : "";
      this.sum.textContent = `After ${quoted(this.tokens[place])} the logit of ${quoted(this.targets[place])} is ` +
        `${signed(total + this.rest[place])}: embedding ${signed(this.start[place])}, layers ${signed(total - this.start[place])}${rest}.`;
      this.status.textContent = "Point at a cell, or move with Tab and the arrow keys.";
      this.list(values);
    }

    list(values) {
      const parts = values.flatMap((row, layer) => row.map((value, column) => [value, layer, column]));
      parts.sort((one, other) => Math.abs(other[0]) - Math.abs(one[0]));
      const buttons = parts.slice(0, 6).map(([value, layer, column]) => {
        const button = element("button", { type: "button", textContent: `${this.name(layer, column)} ${signed(value)}` });
        button.addEventListener("click", () => this.table.cells[this.order.indexOf(layer)][column].focus());
        return button;
      });
      this.largest.replaceChildren("Largest: ", ...buttons);
    }

    name(layer, column) {
      const name = this.columns[column];
      return /^\d+$/.test(name) ? `head ${layer}.${name}` : `${name} ${layer}`;
    }

    look(layer, column) {
      const target = quoted(this.targets[this.place]);
      this.status.textContent = column === this.columns.length
        ? `Embedding and layers 0 to ${layer} add up to ${signed(this.sums[layer])} on the logit of ${target}.`
        : `${this.name(layer, column)}: ${signed(this.values[this.place][layer][column])} on the logit of ${target}.`;
    }
  }

  // Data: {values: [layer][head], unit}.
  class HeadsViewer {
    constructor(root, { values, unit }) {
      const largest = Math.max(...values.flat().map(Math.abs));
      const table = new Table({
        rows: values.map((_, layer) => String(layer)), columns: values[0].map((_, head) => String(head)),
        label: "One value for each head", corner: "layer",
        look: (layer, head) => (status.textContent = `Head ${layer}.${head}: ${signed(values[layer][head], 3)} ${unit}`),
      });
      const status = live();
      status.textContent = "Point at a cell, or move with Tab and the arrow keys.";
      values.forEach((row, layer) => row.forEach((value, head) => table.fill(layer, head, "", sign(value, largest))));
      root.append(element("p", { className: "facts" }, "layers down, heads across ", element("i", { className: "to" }),
        `up to ${signed(largest, 3)} ${unit} `, element("i", { className: "from" }), "negative"), table.root, status);
    }
  }

  globalThis.miViewers = { ...globalThis.miViewers, lens: LensViewer, attribution: AttributionViewer, heads: HeadsViewer };
})();
