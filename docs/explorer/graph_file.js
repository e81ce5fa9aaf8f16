// Reads an attribution graph: the JSON of circuit-tracer's frontend and of Neuronpedia, checked
// field by field before anything is drawn. A classic script, without dependencies or requests.
//
// Beside the usual fields a node may have `kind`, `total` (what its incoming edges must sum to), `unit`,
// `writes` and `fires` (lists of tokens), and `effects` ({off, swap}: the change of the metric that
// the graph predicts when the node is set to zero, or to its activation on the contrast prompt).
(() => {
  "use strict";

  const LIMITS = { bytes: 64e6, nodes: 20000, links: 500000, tokens: 4096, letters: 300, list: 20 };
  // By `kind`, or else by `feature_type`; any other node is a unit.
  const KINDS = {
    logit: "target",
    token: "token",
    embedding: "token",
    position: "position",
    error: "error",
    "mlp reconstruction error": "error",
    remainder: "remainder",
    bias: "bias",
    constant: "bias",
    attention: "attention",
    norm: "norm",
  };

  class GraphError extends Error {}

  function brief(value) {
    const text = typeof value === "string" ? JSON.stringify(value) : String(value);
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  }

  function refuse(where, expected, got, advice = "") {
    throw new GraphError(`${where}: expected ${expected}, got ${got}${advice && `; ${advice}`}`);
  }

  function object(value, where) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      refuse(where, "an object", Array.isArray(value) ? "a list" : brief(value));
    return value;
  }

  function list(value, where, most) {
    if (!Array.isArray(value)) refuse(where, "a list", brief(value));
    if (value.length > most)
      refuse(where, `at most ${most.toLocaleString("en")} entries`, value.length.toLocaleString("en"), "prune the graph");
    return value;
  }

  function text(value, where, most = LIMITS.letters) {
    if (typeof value !== "string") refuse(where, "a string", brief(value));
    return value.length > most ? `${value.slice(0, most - 1)}…` : value;
  }

  function number(value, where) {
    if (typeof value !== "number" || !Number.isFinite(value)) refuse(where, "a finite number", brief(value));
    return value;
  }

  const optional = (check, value, where) => (value === undefined || value === null ? null : check(value, where));
  const strings = (value, where) => list(value, where, LIMITS.list).map((one, i) => text(one, `${where}[${i}]`, 60));

  function readNode(given, where, n_tokens) {
    object(given, where);
    const pos = number(given.ctx_idx, `${where}.ctx_idx`);
    if (!Number.isInteger(pos) || pos < 0 || pos >= n_tokens)
      refuse(`${where}.ctx_idx`, `a position from 0 to ${n_tokens - 1}`, brief(pos));
    const type = text(given.feature_type, `${where}.feature_type`);
    const word = optional(text, given.kind, `${where}.kind`) ?? type;
    const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : "unit";
    const layer = String(given.layer);
    if (typeof given.layer !== "string" && !Number.isInteger(given.layer))
      refuse(`${where}.layer`, "a layer's number, or E", brief(given.layer));
    if (!/^(E|-?\d{1,4})$/.test(layer)) refuse(`${where}.layer`, "a layer's number, or E", brief(layer));
    const effects = optional(object, given.effects, `${where}.effects`) ?? {};
    return {
      id: text(given.node_id, `${where}.node_id`, 120),
      kind,
      type,
      layer: layer === "E" ? -1 : Number(layer),
      pos,
      label: text(given.clerp, `${where}.clerp`),
      unit: optional(number, given.unit, `${where}.unit`),
      activation: optional(number, given.activation, `${where}.activation`),
      total: optional(number, given.total, `${where}.total`),
      cumulative: optional(number, given.influence, `${where}.influence`),
      probability: optional(number, given.token_prob, `${where}.token_prob`) ?? 0,
      writes: optional(strings, given.writes, `${where}.writes`) ?? [],
      fires: optional(strings, given.fires, `${where}.fires`) ?? [],
      off: optional(number, effects.off, `${where}.effects.off`),
      swap: optional(number, effects.swap, `${where}.effects.swap`),
    };
  }

  // Edges by end: edges of node i are order[start[i]] to order[start[i + 1] - 1].
  function byEnd(ends, n_nodes) {
    const start = new Int32Array(n_nodes + 1);
    for (const end of ends) start[end + 1]++;
    for (let i = 0; i < n_nodes; i++) start[i + 1] += start[i];
    const next = start.slice(), order = new Int32Array(ends.length);
    ends.forEach((end, edge) => (order[next[end]++] = edge));
    return (node) => order.subarray(start[node], start[node + 1]);
  }

  // Sources first. A cycle would make influence infinite.
  function topological(graph) {
    const waits = new Int32Array(graph.nodes.length), order = [];
    for (const end of graph.target) waits[end]++;
    waits.forEach((count, node) => count || order.push(node));
    for (let i = 0; i < order.length; i++)
      for (const edge of graph.outgoing(order[i])) if (--waits[graph.target[edge]] === 0) order.push(graph.target[edge]);
    if (order.length < waits.length) {
      const stuck = waits.findIndex((count) => count > 0);
      refuse("links", "a graph without cycles", `a cycle through ${brief(graph.nodes[stuck].id)}`);
    }
    return order;
  }

  // Share of each node in all paths to the targets: rows of |weight| divided by their sums.
  function spread(graph, order) {
    const { nodes, source, weight } = graph;
    const targets = nodes.filter((node) => node.kind === "target");
    const mass = targets.reduce((sum, node) => sum + node.probability, 0);
    const influence = Float64Array.from(nodes, (node) =>
      node.kind !== "target" ? 0 : mass > 0 ? node.probability / mass : 1 / targets.length);
    for (let i = order.length - 1; i >= 0; i--) {
      const edges = graph.incoming(order[i]);
      let sum = 0;
      for (const edge of edges) sum += Math.abs(weight[edge]);
      if (sum > 0) for (const edge of edges) influence[source[edge]] += (influence[order[i]] * Math.abs(weight[edge])) / sum;
    }
    return influence;
  }

  // Cumulative share of units in order of influence, for the slider: small means important.
  function cumulate(nodes, influence) {
    const units = nodes.map((node, i) => i).filter((i) => nodes[i].kind === "unit");
    units.sort((one, other) => influence[other] - influence[one]);
    const all = units.reduce((sum, i) => sum + influence[i], 0) || 1;
    let reached = 0;
    for (const i of units) nodes[i].cumulative = (reached += influence[i]) / all;
  }

  function readPins(given, ids) {
    const q = object(given ?? {}, "qParams");
    const known = (names) => [...new Set(names.filter((id) => ids.has(id)).map((id) => ids.get(id)))];
    const pins = known(optional(list, q.pinnedIds, "qParams.pinnedIds") ?? []);
    const groups = (optional(list, q.supernodes, "qParams.supernodes") ?? []).map((group, i) => {
      const [name, ...members] = list(group, `qParams.supernodes[${i}]`, LIMITS.nodes);
      return { name: text(name, `qParams.supernodes[${i}]`, 60), members: known(members) };
    });
    return { pins, groups: groups.filter((group) => group.members.length) };
  }

  function read(data) {
    object(data, "the file");
    for (const field of ["metadata", "nodes", "links"])
      if (!Object.hasOwn(data, field)) refuse("the file", "the fields metadata, nodes and links", `no ${field}`);
    const metadata = object(data.metadata, "metadata");
    const tokens = list(metadata.prompt_tokens, "metadata.prompt_tokens", LIMITS.tokens).map((token, i) =>
      text(token, `metadata.prompt_tokens[${i}]`, 60));
    if (!tokens.length) refuse("metadata.prompt_tokens", "at least one token", "none");
    const nodes = list(data.nodes, "nodes", LIMITS.nodes).map((node, i) => readNode(node, `nodes[${i}]`, tokens.length));
    const ids = new Map(nodes.map((node, i) => [node.id, i]));
    if (ids.size < nodes.length) {
      const twice = nodes.findIndex((node, i) => ids.get(node.id) !== i);
      refuse("nodes", "a different node_id for each node", `${brief(nodes[twice].id)} twice`, "export the graph with ids that cannot collide");
    }
    if (!nodes.some((node) => node.kind === "target")) refuse("nodes", "at least one node of feature_type logit", "none");
    const links = list(data.links, "links", LIMITS.links), n = links.length;
    const graph = { nodes, ids, tokens, source: new Int32Array(n), target: new Int32Array(n), weight: new Float64Array(n) };
    links.forEach((link, i) => {
      const where = `links[${i}]`;
      object(link, where);
      for (const end of ["source", "target"]) {
        if (!ids.has(link[end])) refuse(`${where}.${end}`, "the node_id of a node", brief(link[end]));
        graph[end][i] = ids.get(link[end]);
      }
      graph.weight[i] = number(link.weight, `${where}.weight`);
    });
    graph.incoming = byEnd(graph.target, nodes.length);
    graph.outgoing = byEnd(graph.source, nodes.length);
    graph.influence = spread(graph, topological(graph));
    if (nodes.some((node) => node.kind === "unit" && node.cumulative === null)) cumulate(nodes, graph.influence);
    graph.slug = text(metadata.slug, "metadata.slug", 120);
    graph.model = text(metadata.scan, "metadata.scan", 120);
    graph.prompt = text(metadata.prompt, "metadata.prompt", 2000);
    graph.contrast = optional(text, metadata.contrast, "metadata.contrast");
    graph.metric = optional(text, metadata.metric, "metadata.metric") ?? "the target";
    graph.unaccounted = optional(number, metadata.unaccounted_share, "metadata.unaccounted_share");
    graph.live = metadata.live === true;
    return Object.assign(graph, readPins(data.qParams, ids));
  }

  // Parse text from a file; JSON has no NaN, and names this as the usual cause.
  function parse(content) {
    if (content.length > LIMITS.bytes)
      refuse("the file", `at most ${LIMITS.bytes / 1e6} MB`, `${(content.length / 1e6).toFixed(0)} MB`, "prune the graph");
    let data;
    try {
      data = JSON.parse(content);
    } catch (error) {
      const nan = /[:,[]\s*-?(NaN|Infinity)\b/.test(content.slice(0, 5e6));
      refuse("the file", "JSON", nan ? "a NaN or an infinity" : `something else (${brief(error.message)})`);
    }
    return read(data);
  }

  globalThis.miGraphs = { read, parse, LIMITS, GraphError };
})();
