// Parts of all viewers: elements, signs and tokens as text, and, for a model's text, a row of tokens
// and a table of cells, both with one stop of the Tab key and arrow keys. A classic script without
// dependencies, loaded before the viewers and the graph explorer.
globalThis.miParts = (() => {
  "use strict";

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const shown = (token) => token.replace(/ /g, "·").replace(/\n/g, "⏎") || "∅";
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const percent = (share) => `${share > 0 && share < 0.01 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
  // Signs are spelled out, so that nothing is told by colour alone.
  const signed = (value, places = 2) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(places)}`;
  const quoted = (token) => `“${shown(token)}”`;
  // At most .55 of the colour, so that text stays readable on it.
  const tint = (name, share) => `rgb(var(--mi-${name}) / ${(0.55 * Math.min(1, Math.max(0, share)) ** 0.7).toFixed(3)})`;

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  // Calls `act` when the pointer, a finger or the keyboard reaches the element.
  function onReach(target, act) {
    for (const name of ["mouseenter", "focus", "click"]) target.addEventListener(name, act);
  }

  function live() {
    const line = element("p", { className: "status" });
    line.setAttribute("aria-live", "polite");
    return line;
  }

  class TokenRow {
    constructor(tokens, label, look) {
      this.buttons = tokens.map((token, place) => {
        const button = element("button", { type: "button", textContent: shown(token), title: `position ${place}`, tabIndex: -1 });
        onReach(button, () => look(place));
        button.addEventListener("keydown", (event) => {
          const next = this.buttons[place + (STEPS[event.key]?.[1] || NaN)];
          if (!next) return;
          event.preventDefault();
          next.focus();
        });
        return button;
      });
      this.root = element("div", { className: "text", role: "toolbar", ariaLabel: `${label}; arrow keys move` }, ...this.buttons);
      this.root.dataset.caption = "";
    }

    // `tints` holds the background of each token.
    mark(here, tints) {
      this.buttons.forEach((button, place) => {
        button.style.setProperty("--mi-share", tints[place]);
        button.classList.toggle("here", place === here);
        button.tabIndex = place === here ? 0 : -1;
      });
    }
  }

  class Table {
    constructor({ rows, columns, label, corner = "", look }) {
      this.cells = rows.map((_, row) => columns.map((_, column) => {
        const cell = element("td", { tabIndex: row || column ? -1 : 0 });
        onReach(cell, () => {
          this.here(row, column);
          look(row, column);
        });
        cell.addEventListener("keydown", (event) => {
          const [down, right] = STEPS[event.key] ?? [NaN, NaN];
          const next = this.cells[row + down]?.[column + right];
          if (!next) return;
          event.preventDefault();
          next.focus();
        });
        return cell;
      }));
      const head = element("tr", {}, element("th", { textContent: corner }),
        ...columns.map((name) => element("th", { scope: "col", textContent: name })));
      const body = this.cells.map((cells, row) =>
        element("tr", {}, element("th", { scope: "row", textContent: rows[row] }), ...cells));
      const table = element("table", { className: "cells", ariaLabel: `${label}; arrow keys move` },
        element("thead", {}, head), element("tbody", {}, ...body));
      table.setAttribute("role", "grid");
      this.root = element("div", { className: "scroll" }, table);
    }

    here(row, column) {
      this.chosen?.classList.remove("here");
      for (const cell of this.cells.flat()) cell.tabIndex = -1;
      this.chosen = this.cells[row][column];
      this.chosen.classList.add("here");
      this.chosen.tabIndex = 0;
    }

    fill(row, column, text, colour) {
      const cell = this.cells[row][column];
      if (cell.textContent !== text) cell.textContent = text;
      cell.style.setProperty("--mi-share", colour);
    }
  }

  return { element, shown, quoted, bytes, percent, signed, tint, live, TokenRow, Table };
})();
