// Draws an attribution graph on a canvas, layers from bottom to top and tokens from left to right.
// A kind of node has a shape, a sign has a colour and, for edges, a dash: no meaning is in colour
// alone. Only edges of the chosen node, of pinned nodes, and the strongest ones are drawn.
(() => {
  "use strict";

  const CELL = 13, GAP = 10, LEFT = 56, BOTTOM = 40, TOP = 8, STRONGEST = 300;
  const HOLLOW = ["remainder", "error", "bias", "norm"];
  const LAYOUT_ORDER = ["token", "position", "bias", "attention", "norm", "remainder", "error", "unit", "target"];

  // Rows: -1 is the embedding, the targets are above all layers. Nodes of one row and column fill
  // lines, so that a crowded cell becomes wide and high, and no node hides another. Columns are
  // widened to the aspect (width / height) of the canvas.
  function layout(graph, aspect) {
    const top = Math.max(...graph.nodes.map((node) => (node.kind === "target" ? -1 : node.layer))) + 1;
    const row = (node) => (node.kind === "target" ? top : node.layer);
    const cells = new Map();
    graph.nodes.forEach((node, i) => {
      const key = row(node) * 1e5 + node.pos;
      if (!cells.has(key)) cells.set(key, { row: row(node), pos: node.pos, members: [] });
      cells.get(key).members.push(i);
    });
    let widths = new Array(graph.tokens.length).fill(4.2 * CELL), rows;
    const measure = (across) => {
      rows = new Map();
      for (const cell of cells.values()) {
        const count = cell.members.length;
        cell.across = Math.min(count, Math.max(across(count), Math.floor(widths[cell.pos] / CELL)));
        rows.set(cell.row, Math.max(rows.get(cell.row) ?? 1, Math.ceil(count / cell.across)));
        widths[cell.pos] = Math.max(widths[cell.pos], cell.across * CELL);
      }
      return [...rows.values()].reduce((sum, lines) => sum + lines * CELL + GAP, 0);
    };
    const wide = () => widths.reduce((sum, one) => sum + one + GAP, 0);
    const extra = (measure((count) => Math.ceil(Math.sqrt(2.5 * count))) * aspect - wide()) / widths.length;
    if (extra > 0) widths = widths.map((one) => one + extra);
    const least = measure(() => 1), lefts = [0], bottoms = new Map();
    for (const one of widths) lefts.push(lefts.at(-1) + one + GAP);
    const above = GAP + Math.max(0, lefts.at(-1) / aspect - least) / rows.size, height = least + (above - GAP) * rows.size;
    let bottom = 0;
    for (const one of [...rows.keys()].sort((a, b) => a - b)) {
      bottoms.set(one, bottom);
      bottom += rows.get(one) * CELL + above;
    }
    const x = new Float32Array(graph.nodes.length), y = new Float32Array(graph.nodes.length);
    for (const cell of cells.values()) {
      const rank = (i) => LAYOUT_ORDER.indexOf(graph.nodes[i].kind) * 1e9 - graph.influence[i];
      cell.members.sort((a, b) => rank(a) - rank(b));
      cell.members.forEach((i, place) => {
        const line = Math.floor(place / cell.across);
        const inLine = Math.min(cell.across, cell.members.length - line * cell.across);
        x[i] = lefts[cell.pos] + widths[cell.pos] / 2 + ((place % cell.across) - (inLine - 1) / 2) * CELL;
        y[i] = height - bottoms.get(cell.row) - (line + 0.5) * CELL;
      });
    }
    const names = [...bottoms].map(([one, from]) => ({
      text: one === -1 ? "embed" : one === top ? "logits" : String(one),
      y: height - from - (rows.get(one) * CELL) / 2,
    }));
    return { x, y, width: lefts.at(-1), height, lefts, names, rowOf: Int32Array.from(graph.nodes, row) };
  }

  function outline(context, kind, x, y, r) {
    if (kind === "unit") {
      context.moveTo(x + r, y);
      context.arc(x, y, r, 0, 2 * Math.PI);
    } else if (kind === "token" || kind === "position" || kind === "target") {
      const tall = kind === "position" ? 0.5 * r : r;
      context.rect(x - r, y - tall, 2 * r, 2 * tall);
    } else if (kind === "bias" || kind === "norm") {
      context.moveTo(x - r, y + r);
      context.lineTo(x, y - r);
      context.lineTo(x + r, y + r);
      context.closePath();
    } else {
      context.moveTo(x - r, y);
      context.lineTo(x, y - r);
      context.lineTo(x + r, y);
      context.lineTo(x, y + r);
      context.closePath();
    }
  }

  class GraphCanvas {
    constructor(canvas, hooks) {
      this.canvas = canvas;
      this.hooks = hooks;
      this.camera = { x: 0, y: 0, k: 1 };
      this.frame = null;
      this.fingers = new Map();
      this.listen();
      new ResizeObserver(() => this.resize()).observe(canvas);
      this.readColours();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.readColours());
      new MutationObserver(() => this.readColours()).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
    }

    readColours() {
      const style = getComputedStyle(this.canvas);
      const colour = (name) => style.getPropertyValue(name).trim();
      this.colours = { plus: `rgb(${colour("--mi-to")})`, minus: `rgb(${colour("--mi-from")})`, ink: colour("--mi-ink"), line: colour("--mi-line"), paper: colour("--mi-paper") };
      this.paint();
    }

    show(graph, scene) {
      this.graph = graph;
      this.place();
      const largest = graph.nodes.reduce((most, node, i) => (node.kind === "unit" ? Math.max(most, graph.influence[i]) : most), 1e-12);
      this.radius = Float32Array.from(graph.nodes, (node, i) =>
        node.kind === "unit" ? 2.2 + 4 * Math.sqrt(graph.influence[i] / largest) : node.kind === "target" ? 5.5 : 3.4);
      const strength = Float64Array.from(graph.weight, (weight, edge) => Math.abs(weight) * graph.influence[graph.target[edge]]);
      this.strongest = [...strength.keys()]
        .filter((edge) => graph.nodes[graph.source[edge]].kind === "unit")
        .sort((one, other) => strength[other] - strength[one])
        .slice(0, STRONGEST);
      this.scene = scene;
      this.fit();
    }

    place() {
      const wide = this.canvas.clientWidth - LEFT - 8, tall = this.canvas.clientHeight - BOTTOM - TOP;
      this.layout = layout(this.graph, wide > 0 && tall > 0 ? wide / tall : 1);
      this.px = new Float32Array(this.graph.nodes.length);
      this.py = new Float32Array(this.graph.nodes.length);
    }

    update(scene) {
      this.scene = scene;
      this.paint();
    }

    // Nodes by what they are drawn with; made again when the view changes, not for every frame.
    styles() {
      const { graph, scene, colours } = this, styles = new Map();
      graph.nodes.forEach((node, i) => {
        if (!scene.shown(i)) return;
        const hollow = HOLLOW.includes(node.kind), dim = scene.dimmed(i);
        const colour = node.kind !== "unit" ? colours.ink : node.activation < 0 ? colours.minus : colours.plus;
        const key = `${colour}|${hollow}|${dim}`;
        if (!styles.has(key)) styles.set(key, { colour, hollow, dim, members: [] });
        styles.get(key).members.push(i);
      });
      return [...styles.values()];
    }

    // Camera: a point of the layout is drawn at (x * k + camera.x, y * k + camera.y).
    fit() {
      if (!this.layout || !this.canvas.clientWidth) return;
      this.kept = false;
      const wide = this.canvas.clientWidth - LEFT - 8, tall = this.canvas.clientHeight - BOTTOM - TOP;
      const k = Math.min(wide / this.layout.width, tall / this.layout.height, 2.5);
      this.camera = { k, x: LEFT + (wide - k * this.layout.width) / 2, y: TOP + (tall - k * this.layout.height) / 2 };
      this.paint();
    }

    zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
      const { camera } = this, k = Math.min(12, Math.max(0.05, camera.k * factor)), change = k / camera.k;
      this.camera = { k, x: x - (x - camera.x) * change, y: y - (y - camera.y) * change };
      this.paint();
    }

    pan(dx, dy) {
      this.camera.x += dx;
      this.camera.y += dy;
      this.kept = this.panning = true;
      this.paint();
    }

    // Move the camera only when the node is outside of the canvas.
    reveal(node) {
      const { k, x, y } = this.camera, px = this.layout.x[node] * k + x, py = this.layout.y[node] * k + y;
      const wide = this.canvas.clientWidth, tall = this.canvas.clientHeight - BOTTOM;
      const inside = px > LEFT && px < wide - 8 && py > TOP && py < tall;
      if (!inside) this.pan(wide / 2 - px, tall / 2 - py);
    }

    resize() {
      const ratio = window.devicePixelRatio || 1, before = this.canvas.width;
      this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
      this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
      if (this.graph && this.canvas.width !== before) {
        this.place();
        if (!this.kept) this.fit();
      }
      this.paint();
    }

    listen() {
      const { canvas } = this, at = (event) => [event.offsetX, event.offsetY];
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        this.fingers.set(event.pointerId, at(event));
        this.moved = 0;
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!this.fingers.has(event.pointerId)) return this.hooks.hover(this.hit(...at(event)));
        const [x, y] = at(event), [ox, oy] = this.fingers.get(event.pointerId);
        const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
        this.fingers.set(event.pointerId, [x, y]);
        this.moved += Math.abs(x - ox) + Math.abs(y - oy);
        if (!other) return this.pan(x - ox, y - oy);
        const spread = (px, py) => Math.hypot(px - other[0], py - other[1]) || 1;
        this.zoom(spread(x, y) / spread(ox, oy), other[0], other[1]);
      });
      canvas.addEventListener("pointerup", (event) => {
        this.fingers.delete(event.pointerId);
        if (this.moved < 5) this.hooks.click(this.hit(...at(event)), event.shiftKey);
      });
      canvas.addEventListener("pointercancel", (event) => this.fingers.delete(event.pointerId));
      canvas.addEventListener("pointerleave", () => this.hooks.hover(-1));
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 300), ...at(event));
      }, { passive: false });
    }

    hit(px, py) {
      if (!this.layout) return -1;
      const { k, x, y } = this.camera, near = Math.max(6, 6 * k);
      let best = -1, least = near * near;
      for (let i = 0; i < this.layout.x.length; i++) {
        if (!this.scene.shown(i)) continue;
        const dx = this.layout.x[i] * k + x - px, dy = this.layout.y[i] * k + y - py, d = dx * dx + dy * dy;
        if (d < least) [least, best] = [d, i];
      }
      return best;
    }

    // The next node in a direction, for arrow keys: in the same row, or the nearest of another row.
    next(from, dx, dy) {
      const { x, y, rowOf } = this.layout;
      let best = -1, least = Infinity;
      for (let i = 0; i < x.length; i++) {
        if (i === from || !this.scene.shown(i)) continue;
        const across = x[i] - x[from], up = y[from] - y[i];
        const ahead = dx ? rowOf[i] === rowOf[from] && across * dx > 0 : (rowOf[i] - rowOf[from]) * dy > 0;
        const far = dx ? Math.abs(across) + 3 * Math.abs(up) : 40 * Math.abs(rowOf[i] - rowOf[from]) + Math.abs(across);
        if (ahead && far < least) [least, best] = [far, i];
      }
      return best;
    }

    paint() {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        const begin = performance.now();
        if (this.graph) this.draw();
        if (this.panning) this.hooks.panned?.(performance.now() - begin);
        this.panning = false;
      });
    }

    draw() {
      const context = this.canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
      const { k, x, y } = this.camera, wide = this.canvas.clientWidth, tall = this.canvas.clientHeight;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, wide, tall);
      for (let i = 0; i < this.px.length; i++) {
        this.px[i] = this.layout.x[i] * k + x;
        this.py[i] = this.layout.y[i] * k + y;
      }
      this.drawGrid(context, wide, tall);
      context.save();
      context.beginPath();
      context.rect(LEFT - 4, 0, wide, tall - BOTTOM + 4);
      context.clip();
      this.drawEdges(context);
      this.drawNodes(context, wide, tall);
      this.drawMarks(context);
      context.restore();
      this.drawNames(context, wide, tall);
    }

    drawGrid(context, wide, tall) {
      const { k, x } = this.camera;
      context.strokeStyle = this.colours.line;
      context.lineWidth = 1;
      context.beginPath();
      for (const left of this.layout.lefts) {
        const at = Math.round((left - GAP / 2) * k + x) + 0.5;
        if (at < LEFT || at > wide) continue;
        context.moveTo(at, 0);
        context.lineTo(at, tall - BOTTOM);
      }
      context.stroke();
    }

    drawEdges(context) {
      const { scene } = this;
      context.globalAlpha = scene.focus.length ? 0.12 : 0.25;
      if (scene.strongest) this.strokeEdges(context, this.strongest, 1);
      context.globalAlpha = 0.75;
      this.strokeEdges(context, scene.focus, 2);
      context.globalAlpha = 1;
    }

    // Four widths and two signs: eight strokes, however many edges there are.
    strokeEdges(context, edges, scale) {
      const { source, target, weight } = this.graph, largest = edges.reduce((most, edge) => Math.max(most, Math.abs(weight[edge])), 1e-12);
      for (const sign of [1, -1]) {
        context.strokeStyle = sign > 0 ? this.colours.plus : this.colours.minus;
        context.setLineDash(sign > 0 ? [] : [4, 3]);
        for (const level of [1, 2, 3, 4]) {
          context.lineWidth = 0.4 * level * scale;
          context.beginPath();
          for (const edge of edges) {
            const size = Math.abs(weight[edge]) / largest;
            if (Math.sign(weight[edge]) !== sign || Math.max(1, Math.ceil(4 * size)) !== level) continue;
            if (!this.scene.shown(source[edge]) || !this.scene.shown(target[edge])) continue;
            const x0 = this.px[source[edge]], y0 = this.py[source[edge]], x1 = this.px[target[edge]], y1 = this.py[target[edge]];
            context.moveTo(x0, y0);
            context.bezierCurveTo(x0, y0 + 0.4 * (y1 - y0), x1, y1 - 0.4 * (y1 - y0), x1, y1);
          }
          context.stroke();
        }
      }
      context.setLineDash([]);
    }

    drawNodes(context, wide, tall) {
      const { graph, px, py, radius, colours } = this, grow = this.growth();
      if (this.styled !== this.scene || this.styledIn !== colours) [this.styled, this.styledIn, this.groups] = [this.scene, colours, this.styles()];
      const inside = (i) => px[i] > LEFT - 12 && px[i] < wide + 12 && py[i] > -12 && py[i] < tall;
      for (const { colour, hollow, dim, members } of this.groups) {
        context.globalAlpha = dim ? 0.3 : hollow ? 0.6 : 0.9;
        context.beginPath();
        for (const i of members) if (inside(i)) outline(context, graph.nodes[i].kind, px[i], py[i], radius[i] * grow);
        context.fillStyle = hollow ? colours.paper : colour;
        context.fill();
        context.strokeStyle = colour;
        context.lineWidth = 1;
        if (hollow) context.stroke();
        if (colour !== colours.minus) continue;
        context.beginPath(); // a bar across nodes with a negative activation
        for (const i of members) {
          if (!inside(i)) continue;
          context.moveTo(px[i] - radius[i] * grow, py[i]);
          context.lineTo(px[i] + radius[i] * grow, py[i]);
        }
        context.strokeStyle = colours.paper;
        context.stroke();
      }
      context.globalAlpha = 1;
    }

    // Nodes grow less than the distances between them.
    growth() {
      return Math.min(3, Math.max(0.6, this.camera.k));
    }

    drawMarks(context) {
      const { scene, colours } = this, grow = this.growth();
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "middle";
      const ring = (i, extra, width) => {
        context.beginPath();
        context.arc(this.px[i], this.py[i], this.radius[i] * grow + extra, 0, 2 * Math.PI);
        context.lineWidth = width;
        context.strokeStyle = colours.ink;
        context.stroke();
      };
      for (const { members, name } of scene.named) {
        for (const i of members) if (scene.shown(i)) ring(i, 2.5, 1.5);
        const i = members.find((one) => scene.shown(one));
        if (i === undefined) continue;
        const text = name.length > 26 ? `${name.slice(0, 25)}…` : name, long = context.measureText(text).width;
        const beside = this.radius[i] * grow + 5, fits = this.px[i] + beside + long < this.canvas.clientWidth;
        const left = fits ? this.px[i] + beside : this.px[i] - beside - long;
        context.fillStyle = colours.paper;
        context.globalAlpha = 0.8;
        context.fillRect(left - 1, this.py[i] - 7, long + 2, 14);
        context.globalAlpha = 1;
        context.fillStyle = colours.ink;
        context.fillText(text, left, this.py[i]);
      }
      if (scene.hovered >= 0) ring(scene.hovered, 3, 1);
      if (scene.selected >= 0) {
        ring(scene.selected, 3, 2.5);
        ring(scene.selected, 6, 1);
      }
    }

    drawNames(context, wide, tall) {
      const { k, x, y } = this.camera;
      context.fillStyle = this.colours.ink;
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "middle";
      context.textAlign = "right";
      let last = Infinity;
      for (const name of this.layout.names) {
        const at = name.y * k + y;
        if (at < 4 || at > tall - BOTTOM || last - at < 11) continue;
        context.fillText(name.text, LEFT - 8, at);
        last = at;
      }
      context.textAlign = "center";
      context.textBaseline = "top";
      context.font = "12px ui-monospace, 'DejaVu Sans Mono', monospace";
      this.graph.tokens.forEach((token, pos) => {
        const left = this.layout.lefts[pos] * k + x, right = (this.layout.lefts[pos + 1] - GAP) * k + x;
        const letters = Math.floor((right - left) / 7.3), text = globalThis.miParts.shown(token);
        if (letters < 1 || left + right < 2 * LEFT || left > wide) return;
        context.fillText(text.length > letters ? `${text.slice(0, Math.max(1, letters - 1))}…` : text, (left + right) / 2, tall - BOTTOM + 8);
      });
      context.textAlign = "left";
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "alphabetic";
      context.fillText("layer ↑  token →", 2, tall - 4);
    }
  }

  globalThis.miGraphs.GraphCanvas = GraphCanvas;
  globalThis.miGraphs.layout = layout;
})();
