// What the reader has done to a graph: chosen, pinned, grouped, and the slider. Every change is a
// new object, so that undo is a list of old ones; a link is the same object as text.
(() => {
  "use strict";

  const { GraphError } = globalThis.miGraphs;
  const MOST_UNDO = 200;

  class GraphState {
    constructor(graph) {
      this.graph = graph;
      this.now = Object.freeze({ chosen: null, pins: graph.pins, groups: graph.groups, kept: 1, strongest: true, only: false });
      this.past = [];
      this.future = [];
    }

    change(part) {
      this.past.push(this.now);
      if (this.past.length > MOST_UNDO) this.past.shift();
      this.future = [];
      this.now = Object.freeze({ ...this.now, ...part });
    }

    // Replace the last change instead of adding one: while a slider is dragged.
    adjust(part) {
      this.now = Object.freeze({ ...this.now, ...part });
    }

    undo() {
      if (!this.past.length) return false;
      this.future.push(this.now);
      this.now = this.past.pop();
      return true;
    }

    redo() {
      if (!this.future.length) return false;
      this.past.push(this.now);
      this.now = this.future.pop();
      return true;
    }

    toggle(node) {
      const { pins, groups } = this.now;
      if (pins.includes(node)) {
        const left = groups.map((group) => ({ ...group, members: group.members.filter((one) => one !== node) }));
        const chosen = this.now.chosen?.group === undefined ? this.now.chosen : null;
        return this.change({ pins: pins.filter((one) => one !== node), groups: left.filter((group) => group.members.length), chosen });
      }
      this.change({ pins: [...pins, node] });
    }

    group(name, members) {
      const left = this.now.groups
        .map((group) => ({ ...group, members: group.members.filter((one) => !members.includes(one)) }))
        .filter((group) => group.members.length);
      const pins = [...new Set([...this.now.pins, ...members])];
      this.change({ pins, groups: [...left, { name, members }], chosen: { group: left.length } });
    }

    ungroup(place) {
      this.change({ groups: this.now.groups.filter((_, at) => at !== place), chosen: null });
    }

    // Nodes of what is chosen: one, those of a group, or none.
    members() {
      const { chosen, groups } = this.now;
      if (chosen === null) return [];
      return chosen.group === undefined ? [chosen.node] : groups[chosen.group].members;
    }

    groupOf(node) {
      return this.now.groups.findIndex((group) => group.members.includes(node));
    }

    shown(node) {
      const { nodes } = this.graph, { now } = this, one = nodes[node];
      if (now.only) return one.kind === "target" || now.pins.includes(node) || now.chosen?.node === node;
      return one.kind !== "unit" || one.cumulative <= now.kept || now.kept >= 1 || now.pins.includes(node) || now.chosen?.node === node;
    }

    // What a table of edges shows. `into`: edges that end in the members, or else those that leave
    // them. Parties are nodes, groups, and the members themselves ("inside").
    ledger(members, into) {
      const { graph } = this, own = new Set(members), parties = new Map(), kinds = new Map();
      let total = 0, hidden = 0, n_hidden = 0;
      for (const member of members)
        for (const edge of into ? graph.incoming(member) : graph.outgoing(member)) {
          const other = into ? graph.source[edge] : graph.target[edge], weight = graph.weight[edge];
          total += weight;
          const kind = graph.nodes[other].kind;
          kinds.set(kind, (kinds.get(kind) ?? 0) + weight);
          if (!own.has(other) && !this.shown(other)) {
            hidden += weight;
            n_hidden++;
            continue;
          }
          const group = this.groupOf(other), key = own.has(other) ? "inside" : group >= 0 ? `group ${group}` : other;
          if (!parties.has(key)) parties.set(key, { key, weight: 0, node: own.has(other) || group >= 0 ? null : other, group: own.has(other) ? -1 : group });
          parties.get(key).weight += weight;
        }
      const rows = [...parties.values()].sort((one, other) => Math.abs(other.weight) - Math.abs(one.weight));
      return { rows, kinds, total, hidden, n_hidden };
    }

    // The view as text for a link; ids, not numbers, so that it fits a graph that was made again.
    save(camera) {
      const { now } = this, id = (node) => this.graph.nodes[node].id;
      const groups = now.groups.map((group) => [group.name, ...group.members.map(id)]);
      const chosen = now.chosen === null ? null : now.chosen.group === undefined ? id(now.chosen.node) : now.chosen.group;
      const saved = { pins: now.pins.map(id), groups, chosen, kept: now.kept, strongest: now.strongest, only: now.only, camera: Object.values(camera).map((one) => Number(one.toFixed(3))) };
      const bytes = new TextEncoder().encode(JSON.stringify(saved));
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
    }

    // Returns the camera and how many nodes of the link are not in this graph.
    restore(text) {
      let given;
      try {
        const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
        given = JSON.parse(new TextDecoder().decode(Uint8Array.from(letters, (letter) => letter.charCodeAt(0))));
      } catch {
        throw new GraphError("the link: expected a view that this page made, got something else; copy the whole link");
      }
      let missing = 0;
      const { ids } = this.graph, list = (value) => (Array.isArray(value) ? value : []);
      const known = (names) => [...new Set(list(names).filter((id) => ids.has(id) || !++missing).map((id) => ids.get(id)))];
      const groups = list(given?.groups)
        .map((group) => ({ name: String(list(group)[0]).slice(0, 60), members: known(list(group).slice(1)) }))
        .filter((group) => group.members.length);
      const chosen = ids.has(given?.chosen) ? { node: ids.get(given.chosen) } : Number.isInteger(given?.chosen) && given.chosen in groups ? { group: given.chosen } : null;
      const kept = Number.isFinite(given?.kept) ? Math.min(1, Math.max(0, given.kept)) : 1;
      const pins = [...new Set([...known(given?.pins), ...groups.flatMap((group) => group.members)])];
      this.change({ pins, groups, chosen, kept, strongest: given?.strongest !== false, only: given?.only === true });
      const [x, y, k] = list(given?.camera);
      return { missing, camera: [x, y, k].every(Number.isFinite) && k > 0 ? { x, y, k } : null };
    }
  }

  globalThis.miGraphs.GraphState = GraphState;
})();
