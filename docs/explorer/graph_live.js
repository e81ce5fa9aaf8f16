// Live interventions: sends declared interventions to the server that served this page, and shows
// the change of the metric beside the one that the graph predicts.
(() => {
  "use strict";

  const { element } = globalThis.miParts;
  const signed = (value) => globalThis.miParts.signed(value, 3);

  class GraphLive {
    constructor(graph, tell) {
      this.graph = graph;
      this.tell = tell;
      this.history = [];
    }

    // Units of the chosen node or group, or all pinned ones.
    units(state) {
      const chosen = state.members(), nodes = chosen.length ? chosen : state.now.pins;
      return nodes.filter((node) => this.graph.nodes[node].kind === "unit" && this.graph.nodes[node].unit !== null);
    }

    part(state, name) {
      const units = this.units(state), parts = [element("h4", { textContent: "Try it on the model" })];
      if (!units.length) return [...parts, element("p", { className: "facts", textContent: "Choose or pin nodes to switch them off or to swap them." })];
      const what = units.length === 1 ? name(units[0]) : `${units.length} nodes`;
      const line = element("p", {});
      for (const [action, text] of [["off", "Switch off"], ["swap", "Swap with the contrast"]]) {
        if (action === "swap" && this.graph.contrast === null) continue;
        const made = element("button", { type: "button", textContent: text, disabled: this.busy === true });
        made.addEventListener("click", () => this.run(action, units, what, made));
        line.append(made);
      }
      this.results = element("div", { className: "results" });
      this.showResults();
      return [...parts, element("p", { className: "facts", textContent: what }), line, this.results];
    }

    intervention(action, node) {
      const { layer, pos, unit } = this.graph.nodes[node];
      const site = { hook: "mlp.hook_post", layer, head: null, position: pos, neuron: unit, direction: null };
      const source = action === "off" ? null : { run: "contrast", position: null, average: false };
      return { site, action: action === "off" ? "zero" : "replace", value: null, source, during: "all" };
    }

    async run(action, units, what, pressed) {
      const interventions = units.map((node) => this.intervention(action, node));
      const known = units.map((node) => this.graph.nodes[node][action]);
      const predicted = known.includes(null) ? null : known.reduce((sum, one) => sum + one, 0);
      pressed.disabled = true;
      this.tell("The model runs…");
      try {
        const answer = await fetch("v1/run", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ format: "interventions", version: 1, interventions }),
        });
        const found = await answer.json();
        if (!answer.ok) throw new Error(found.error);
        this.history.unshift({ what: `${action === "off" ? "without" : "swapped"}: ${what}`, predicted, found });
        this.history.length = Math.min(this.history.length, 5);
        this.showResults();
        this.tell(`${this.graph.metric}: ${signed(found.before)} became ${signed(found.after)}.`);
      } catch (error) {
        this.tell(`The model could not run: ${error.message}`);
      }
      pressed.disabled = false;
    }

    showResults() {
      this.results.replaceChildren(...this.history.map(({ what, predicted, found }) => {
        const body = element("tbody", {});
        const line = (label, value) => body.append(element("tr", {}, element("td", { textContent: label }), element("td", { textContent: value })));
        line(`${this.graph.metric}, before`, signed(found.before));
        line("after", signed(found.after));
        line("change, measured", signed(found.after - found.before));
        line("change, predicted by the graph", predicted === null ? "none" : signed(predicted));
        for (const token of found.tokens) line(token.text, `${(100 * token.before).toFixed(1)} % → ${(100 * token.after).toFixed(1)} %`);
        return element("div", {}, element("h5", { textContent: what }), element("table", { className: "edges" }, body));
      }));
    }
  }

  globalThis.miGraphs.GraphLive = GraphLive;
})();
