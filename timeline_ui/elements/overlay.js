/**
 * Boxes on a picture: what matched, what is stored of the moment, and any that somebody draws.
 *
 * It covers exactly the picture, without the bars beside it; see ms-player. It asks by REQUEST_BOX. A plain click
 * that hits no box is left to others.
 */

import { REQUEST_BOX } from '../events.js';
import { find, html, render } from '../lib/html.js';
import { texts } from '../texts.js';

/**
 * One that can be clicked.
 * @typedef {{ box: number[], kind: 'face' | 'region', name: string, named: boolean }} Choice
 */

/** A pointer that has moved less has clicked. CSS pixels. */
const DRAG_PX = 6;
/** Smaller boxes are slips of the hand. Shares of the picture. */
const LEAST = 0.015;
const STEP = 0.02;

export class Overlay extends HTMLElement {
  /** @type {Choice[]} */
  #choices = [];
  /** Where a pointer went down, and whether it draws by now. */
  #start = /** @type {{ id: number, x: number, y: number, draws: boolean } | null} */ (null);
  /** @type {number[] | null} */
  #drawn = null;
  #swallow = false;

  connectedCallback() {
    if (!this.firstChild) {
      render(this, html`
        <div class="match" hidden><span></span></div>
        <div class="choices" role="group" aria-label="${texts.viewer.boxes}"></div>
        <button class="drawn" hidden aria-label="${texts.viewer.drawKeys}"></button>`);
    }
    for (const name of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'keydown']) {
      this.addEventListener(name, this);
    }
    this.addEventListener('click', this, true);
  }

  /** @param {Choice[]} choices */
  set choices(choices) {
    // The large ones first, so that the small ones lie on top.
    this.#choices = [...choices].sort((one, other) => areaOf(other.box) - areaOf(one.box));
    const list = find(this, '.choices');
    render(list, html`${this.#choices.map(({ kind, name, named }, index) => html`
      <button class="${kind} ${named && 'named'}" data-index="${index}" aria-label="${texts.viewer.searchFor(name)}">
        <span aria-hidden="true">${name}</span></button>`)}`);
    this.#choices.forEach(({ box }, index) => put(/** @type {HTMLElement} */ (list.children[index]), box));
  }

  get choices() { return this.#choices; }

  /**
   * What matched, as it is now.
   * @param {number[] | null} box
   * @param {string} words
   * @param {string} confidence
   */
  match(box, words, confidence) {
    const element = find(this, '.match');
    element.hidden = !box;
    if (!box) return;
    put(element, box);
    const label = find(element, 'span');
    if (label.textContent !== words) label.textContent = words;
    if (element.dataset.confidence !== confidence) element.dataset.confidence = confidence;
  }

  /** A box in the middle, for keys to move. */
  begin() {
    this.#draw([0.3, 0.3, 0.7, 0.7]);
    find(this, '.drawn').focus();
  }

  /** Whether there was a drawn box to put away. */
  stop() {
    if (!this.#drawn) return false;
    this.#draw(null);
    return true;
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event instanceof PointerEvent && event.type !== 'click') this.#point(event);
    else if (event instanceof KeyboardEvent) this.#key(event);
    else this.#click(event);
  }

  /** @param {Event} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    if (this.#swallow) {
      // The end of a drag.
      this.#swallow = false;
      event.stopPropagation();
      event.preventDefault();
      return;
    }
    const button = target.closest('.choices button');
    if (button instanceof HTMLElement) {
      event.stopPropagation();
      const { box, kind, name } = this.#choices[Number(button.dataset.index)];
      this.#ask(box, kind, name);
    } else if (target.closest('.drawn')) {
      event.stopPropagation();
      this.#search();
    }
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (event.type === 'pointerdown') {
      if (event.button || !event.isPrimary) return;
      this.#swallow = false;
      this.#start = { id: event.pointerId, x: event.clientX, y: event.clientY, draws: false };
      return;
    }
    const start = this.#start;
    if (!start || start.id !== event.pointerId) return;
    if (event.type === 'pointermove') {
      if (!start.draws && Math.hypot(event.clientX - start.x, event.clientY - start.y) < DRAG_PX) return;
      if (!start.draws) {
        start.draws = true;
        this.setPointerCapture(event.pointerId);
      }
      this.#draw(this.#between(start, event));
      return;
    }
    this.#start = null;
    if (!start.draws) return;
    this.#swallow = true;
    setTimeout(() => { this.#swallow = false; });
    if (event.type === 'pointercancel') this.#draw(null);
    else this.#search();
  }

  /** @param {{ x: number, y: number }} start @param {PointerEvent} event */
  #between(start, event) {
    const { left, top, width, height } = this.getBoundingClientRect();
    const share = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    const xs = [start.x, event.clientX].map((x) => share((x - left) / width)).sort((one, two) => one - two);
    const ys = [start.y, event.clientY].map((y) => share((y - top) / height)).sort((one, two) => one - two);
    return [xs[0], ys[0], xs[1], ys[1]];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[/** @type {'ArrowLeft'} */ (event.key)];
    if (!this.#drawn || !step || !(/** @type {Element} */ (event.target).closest('.drawn'))) return;
    event.preventDefault();
    event.stopPropagation();
    const [x1, y1, x2, y2] = this.#drawn;
    const [dx, dy] = step;
    if (event.shiftKey) {
      this.#draw([x1, y1, Math.min(1, Math.max(x1 + STEP, x2 + dx)), Math.min(1, Math.max(y1 + STEP, y2 + dy))]);
    } else if (x1 + dx >= -1e-9 && x2 + dx <= 1 + 1e-9 && y1 + dy >= -1e-9 && y2 + dy <= 1 + 1e-9) {
      this.#draw([x1 + dx, y1 + dy, x2 + dx, y2 + dy]);
    }
  }

  #search() {
    const box = this.#drawn;
    this.#draw(null);
    if (!box || box[2] - box[0] < LEAST || box[3] - box[1] < LEAST) return;
    const inside = box.map((side) => Number(Math.min(1, Math.max(0, side)).toFixed(4)));
    this.#ask(inside, 'drawn', texts.viewer.drawn);
  }

  /** @param {number[] | null} box */
  #draw(box) {
    this.#drawn = box;
    this.classList.toggle('drawing', box !== null);
    const element = find(this, '.drawn');
    element.hidden = !box;
    if (box) put(element, box);
  }

  /** @param {number[]} box @param {string} kind @param {string} name */
  #ask(box, kind, name) {
    this.dispatchEvent(new CustomEvent(REQUEST_BOX, { bubbles: true, detail: { box, kind, name } }));
  }
}

/** @param {HTMLElement} element @param {number[]} box shares of the picture */
function put(element, [x1, y1, x2, y2]) {
  const { style } = element;
  style.left = `${x1 * 100}%`;
  style.top = `${y1 * 100}%`;
  style.width = `${(x2 - x1) * 100}%`;
  style.height = `${(y2 - y1) * 100}%`;
  // A label above the picture would not be seen.
  element.classList.toggle('high-up', y1 < 0.07);
  element.classList.toggle('far-right', x1 > 0.7);
}

/** @param {number[]} box */
function areaOf([x1, y1, x2, y2]) {
  return (x2 - x1) * (y2 - y1);
}

customElements.define('ms-overlay', Overlay);
