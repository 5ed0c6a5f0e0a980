/**
 * A picture on which a box is drawn, moved and resized: with a mouse, a finger or the keyboard.
 *
 * Attributes: `src`, `alt`; without `editable` the box is only shown. Property `box`: x1, y1, x2, y2 in shares of
 * the picture, or null. Events, which bubble: `box-chosen` when a person has finished, `detail` is the box;
 * `picture-gone` when there is no such picture.
 */

import { find, html, render } from '../lib/html.js';
import { texts } from '../texts.js';

export const BOX_CHOSEN = 'box-chosen';
export const PICTURE_GONE = 'picture-gone';

/** Shares of the picture: smaller is a slip of the hand. */
const LEAST = 0.02;
const STEP = 0.02;
/** After the last key the box counts as finished. */
const KEYS_REST_MS = 500;
const EDGES = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];
const ARROWS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
});

/** @typedef {[number, number, number, number]} Box */

class BoxEditor extends HTMLElement {
  static observedAttributes = ['src', 'alt', 'editable'];

  /** @type {Box | null} */
  #box = null;
  /** What the pointer does: which edges it holds ('' moves all, 'new' draws), from where, and the box before. */
  /** @type {{ edges: string, x: number, y: number, before: Box | null } | null} */
  #drag = null;
  #resting = 0;
  #sizes = new ResizeObserver(() => this.#place());

  connectedCallback() {
    if (this.firstChild) return;
    render(this, html`
      <div class="stage">
        <img alt="" draggable="false">
        <div class="canvas">
          <div class="box" hidden>${EDGES.map((edges) => html`<i data-edges="${edges}"></i>`)}</div>
        </div>
      </div>
      <p class="visually-hidden" role="status"></p>`);
    const image = /** @type {HTMLImageElement} */ (find(this, 'img'));
    image.addEventListener('load', () => this.#place());
    image.addEventListener('error', () => {
      if (image.getAttribute('src')) this.dispatchEvent(new CustomEvent(PICTURE_GONE, { bubbles: true }));
    });
    const canvas = find(this, '.canvas');
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'keydown', 'blur']) {
      canvas.addEventListener(type, this);
    }
    this.#sizes.observe(find(this, '.stage'));
    this.update();
  }

  disconnectedCallback() {
    clearTimeout(this.#resting);
  }

  attributeChangedCallback() {
    if (this.firstChild) this.update();
  }

  /** @returns {number[] | null} */
  get box() {
    return this.#box;
  }

  set box(box) {
    // What somebody draws right now is newer.
    if (this.#drag || this.#resting) return;
    this.#box = /** @type {Box | null} */ (box && [...box]);
    if (this.firstChild) this.#draw();
  }

  /** A box in the middle, for whoever has no pointer. */
  begin() {
    this.#box = [0.25, 0.25, 0.75, 0.75];
    this.#draw();
    find(this, '.canvas').focus();
    this.#finish();
  }

  erase() {
    this.#box = null;
    this.#draw();
    this.#finish();
  }

  update() {
    const image = /** @type {HTMLImageElement} */ (find(this, 'img'));
    const source = this.getAttribute('src') ?? '';
    if (!source) image.removeAttribute('src');
    else if (image.getAttribute('src') !== source) image.src = source;
    image.alt = this.getAttribute('alt') ?? '';
    const canvas = find(this, '.canvas');
    const editable = this.hasAttribute('editable');
    canvas.toggleAttribute('inert', !editable);
    if (editable) {
      canvas.tabIndex = 0;
      canvas.setAttribute('role', 'application');
      canvas.setAttribute('aria-roledescription', texts.box.what);
      canvas.setAttribute('aria-label', texts.box.name);
      canvas.setAttribute('aria-description', texts.box.keys);
    } else {
      for (const name of ['tabindex', 'role', 'aria-roledescription', 'aria-label', 'aria-description']) {
        canvas.removeAttribute(name);
      }
    }
    this.#place();
    this.#draw();
  }

  /** The canvas lies exactly over the picture's pixels, wherever those lie in the stage. */
  #place() {
    const stage = find(this, '.stage'), canvas = find(this, '.canvas');
    const { naturalWidth, naturalHeight } = /** @type {HTMLImageElement} */ (find(this, 'img'));
    canvas.hidden = !naturalWidth;
    if (!naturalWidth) return;
    const scale = Math.min(stage.clientWidth / naturalWidth, stage.clientHeight / naturalHeight);
    const width = naturalWidth * scale, height = naturalHeight * scale;
    canvas.style.left = `${(stage.clientWidth - width) / 2}px`;
    canvas.style.top = `${(stage.clientHeight - height) / 2}px`;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }

  #draw() {
    const element = find(this, '.box');
    element.hidden = !this.#box;
    if (!this.#box) return;
    const [x1, y1, x2, y2] = this.#box;
    element.style.left = `${x1 * 100}%`;
    element.style.top = `${y1 * 100}%`;
    element.style.width = `${(x2 - x1) * 100}%`;
    element.style.height = `${(y2 - y1) * 100}%`;
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (!this.hasAttribute('editable')) return;
    if (event instanceof KeyboardEvent) this.#key(event);
    else if (event instanceof PointerEvent) this.#pointer(event);
    else if (this.#resting) this.#finish();
  }

  /** @param {PointerEvent} event */
  #pointer(event) {
    const canvas = find(this, '.canvas');
    const bounds = canvas.getBoundingClientRect();
    const x = inside((event.clientX - bounds.left) / bounds.width);
    const y = inside((event.clientY - bounds.top) / bounds.height);
    if (event.type === 'pointerdown') {
      if (event.button) return;
      const target = /** @type {HTMLElement} */ (event.target);
      const edges = target.dataset.edges ?? (target.className === 'box' ? '' : 'new');
      this.#drag = { edges, x, y, before: this.#box };
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      event.preventDefault();
      return;
    }
    if (!this.#drag) return;
    if (event.type === 'pointermove') {
      this.#box = dragged(this.#drag, x, y);
      this.#draw();
      return;
    }
    const { before } = this.#drag;
    this.#drag = null;
    if (event.type === 'pointercancel' || !this.#box || isTiny(this.#box)) {
      this.#box = before;
      this.#draw();
    } else if (String(this.#box) !== String(before)) this.#finish();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && this.#box) {
      const [dx, dy] = arrow.map((step) => step * STEP);
      const { edges } = { edges: event.shiftKey ? 'se' : '' };
      const [x, y] = [this.#box[0], this.#box[1]];
      this.#box = dragged({ edges, x, y, before: this.#box }, x + Number(dx), y + Number(dy));
      this.#draw();
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => this.#finish(), KEYS_REST_MS);
    } else if (event.key === 'Enter' && !this.#box) this.begin();
    else if (event.key === 'Enter' && this.#resting) this.#finish();
    else if ((event.key === 'Delete' || event.key === 'Backspace') && this.#box) this.erase();
    else if (event.key === 'Escape' && this.#drag) {
      this.#box = this.#drag.before;
      this.#drag = null;
      this.#draw();
    } else return;
    event.preventDefault();
  }

  #finish() {
    clearTimeout(this.#resting);
    this.#resting = 0;
    find(this, '[role="status"]').textContent = this.#box ? texts.box.is(this.#box) : texts.box.none;
    this.dispatchEvent(new CustomEvent(BOX_CHOSEN, { bubbles: true, detail: this.#box }));
  }
}

/** @param {number} share */
function inside(share) {
  return Math.min(1, Math.max(0, share));
}

/** @param {Box} box */
function isTiny([x1, y1, x2, y2]) {
  return x2 - x1 < LEAST || y2 - y1 < LEAST;
}

/**
 * The box after the pointer, or a key, has gone from (drag.x, drag.y) to (x, y).
 * @param {{ edges: string, x: number, y: number, before: Box | null }} drag
 * @param {number} x
 * @param {number} y
 * @returns {Box}
 */
export function dragged({ edges, x: fromX, y: fromY, before }, x, y) {
  if (edges === 'new' || !before) {
    return [Math.min(fromX, x), Math.min(fromY, y), Math.max(fromX, x), Math.max(fromY, y)];
  }
  const [x1, y1, x2, y2] = before;
  const dx = x - fromX, dy = y - fromY;
  if (edges === '') {
    const left = Math.min(1 - (x2 - x1), Math.max(0, x1 + dx)), top = Math.min(1 - (y2 - y1), Math.max(0, y1 + dy));
    return [left, top, left + (x2 - x1), top + (y2 - y1)];
  }
  return [
    edges.includes('w') ? Math.min(inside(x1 + dx), x2 - LEAST) : x1,
    edges.includes('n') ? Math.min(inside(y1 + dy), y2 - LEAST) : y1,
    edges.includes('e') ? Math.max(inside(x2 + dx), x1 + LEAST) : x2,
    edges.includes('s') ? Math.max(inside(y2 + dy), y1 + LEAST) : y2,
  ];
}

customElements.define('ms-box-editor', BoxEditor);
