// Viewers of the book, of notebooks and of pages opened as files: a classic script without
// dependencies or requests, next to viewers.css and after viewer_parts.js. Each
// <div class="mi-viewer" data-kind="features"> holds its data in a
// <script type="application/json">; `start` fills those that are still empty.
(() => {
  "use strict";

  const { element, shown, bytes, live } = globalThis.miParts;
  const digits = (value) => (value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(2));

  // Token by feature activations. Data: {texts: [[token]], features: [{id, label, max, acts}]};
  // acts is base64 with one byte per token, all texts one after the other, 255 for the maximum.
  // A feature may have facts, a line of text, and rows: [[number of a text, caption]], the only
  // texts that are shown while it is chosen.
  class FeatureViewer {
    constructor(root, data) {
      this.root = root;
      this.features = data.features.map((feature) => ({ ...feature, acts: bytes(feature.acts) }));
      this.feature = data.start ?? 0;
      this.token = null;
      this.build(data.texts);
      this.choose(this.feature);
    }

    build(texts) {
      this.select = element("select", { ariaLabel: "Feature" });
      for (const [place, feature] of this.features.entries())
        this.select.append(element("option", { value: place, textContent: this.name(feature) }));
      this.facts = element("span", { className: "facts" });
      this.tokens = [];
      this.rows = texts.map((text, number) => {
        const row = element("p", { className: "text", role: "toolbar", ariaLabel: `Text ${number}; arrow keys move` });
        for (const token of text) {
          const button = element("button", { type: "button", textContent: shown(token), tabIndex: -1 });
          row.append(button);
          this.tokens.push({ button, token, number });
        }
        if (row.firstChild) row.firstChild.tabIndex = 0;
        return row;
      });
      this.status = live();
      this.largest = element("p", { className: "largest" });
      const label = element("label", {}, "Feature ", this.select);
      this.root.append(element("div", { className: "head" }, label, this.facts),
        element("div", { className: "texts" }, ...this.rows), this.status, this.largest);

      this.select.addEventListener("change", () => this.choose(Number(this.select.value)));
      this.tokens.forEach(({ button }, place) => {
        button.addEventListener("mouseenter", () => this.look(place));
        button.addEventListener("focus", () => this.look(place));
        button.addEventListener("click", () => this.look(place));
        button.addEventListener("keydown", (event) => this.move(event, place));
      });
    }

    move(event, place) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      let next = this.tokens[place + step];
      while (next && this.rows[next.number].hidden) next = this.tokens[(place += step) + step];
      if (step && next) {
        event.preventDefault();
        event.target.tabIndex = -1;
        next.button.tabIndex = 0;
        next.button.focus();
      }
    }

    name({ id, label }) {
      return label ? `${id}: ${label}` : String(id);
    }

    activation(feature, place) {
      return (feature.acts[place] * feature.max) / 255;
    }

    choose(place) {
      this.feature = place;
      this.select.value = place;
      const feature = this.features[place];
      if (!feature) return;
      const active = feature.acts.reduce((count, level) => count + (level > 0), 0);
      this.facts.textContent = feature.facts ?? ` active at ${active} of ${feature.acts.length} tokens, largest ${digits(feature.max)}`;
      const captions = new Map(feature.rows ?? this.rows.map((_, number) => [number, ""]));
      this.rows.forEach((row, number) => {
        row.hidden = !captions.has(number);
        row.dataset.caption = captions.get(number) ?? "";
      });
      if (this.token !== null && this.rows[this.tokens[this.token].number].hidden) this.look(null);
      this.tokens.forEach(({ button }, at) => {
        const share = (0.85 * (feature.acts[at] / 255) ** 0.8).toFixed(3);
        button.style.setProperty("--mi-share", `rgb(var(--mi-to) / ${share})`);
      });
      this.look(this.token);
    }

    look(place) {
      if (this.token !== null) this.tokens[this.token].button.classList.remove("here");
      this.token = place;
      if (place === null) {
        this.largest.replaceChildren();
        this.status.textContent = "Point at a token, or move with Tab and the arrow keys.";
        return;
      }
      const { button, token, number } = this.tokens[place];
      button.classList.add("here");
      const feature = this.features[this.feature];
      const value = this.activation(feature, place);
      this.status.textContent = `${shown(token)} (text ${number}): feature ${this.name(feature)} has ${digits(value)}`;
      const largest = this.features
        .map((other, at) => [this.activation(other, place), at])
        .filter(([size]) => size > 0)
        .sort((one, other) => other[0] - one[0])
        .slice(0, 6);
      const buttons = largest.map(([size, at]) => {
        const made = element("button", { type: "button", textContent: `${this.name(this.features[at])} ${digits(size)}` });
        made.addEventListener("click", () => {
          this.choose(at); // replaces the button, so the focus goes to the token
          button.focus();
        });
        return made;
      });
      this.largest.replaceChildren(buttons.length ? "Largest here: " : "No feature is active here.", ...buttons);
    }
  }

  // Other scripts, loaded before this one, add their kinds. A page of several viewers may load this
  // script more than once; a viewer whose kind is not there yet waits for the next time.
  function start() {
    const kinds = { features: FeatureViewer, ...globalThis.miViewers };
    for (const root of document.querySelectorAll(".mi-viewer:not([data-milliseconds])")) {
      if (!kinds[root.dataset.kind]) continue;
      const begin = performance.now();
      try {
        new kinds[root.dataset.kind](root, JSON.parse(root.querySelector("script[type='application/json']").textContent));
      } catch (error) {
        root.append(element("p", { className: "status", textContent: `This picture's data cannot be read: ${error.message}` }));
      }
      root.dataset.milliseconds = (performance.now() - begin).toFixed(1);
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
