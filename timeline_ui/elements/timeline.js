/**
 * Where in a video something matches: a strip of the whole, and a lane that can be brought closer.
 *
 * Set `data` and `seconds`; it asks by REQUEST_SEEK and REQUEST_THRESHOLD. What is drawn is on canvases, so that ten
 * hours cost as much as ten seconds; what it means is in two range inputs, for keys and for those who listen.
 */

import { REQUEST_SEEK, REQUEST_THRESHOLD } from '../events.js';
import { clock, spoken } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { icon } from '../lib/icons.js';
import { contextOf, paintLane, paintOverview, paletteOf, RULER, UNDER } from '../lib/paint.js';
import { EMPTY } from '../lib/series.js';
import { ranksOf, spanAt, spansAbove } from '../lib/spans.js';
import { cueAt, showCue } from '../lib/storyboard.js';
import { follow, moved, pan, same, whole, zoom } from '../lib/view.js';
import { texts } from '../texts.js';

/**
 * @typedef {object} Data
 * @property {number} duration seconds
 * @property {import('../lib/series.js').Series} curve
 * @property {import('../search.js').Segment[]} segments
 * @property {{ thresholds: import('../lib/spans.js').Thresholds, asked: number } | null} scale see spansAbove
 * @property {Float64Array} cuts seconds
 * @property {import('../lib/storyboard.js').Cue[]} storyboard
 */

/** @type {Data} */
const NO_DATA = {
  duration: 1, curve: EMPTY, segments: [], scale: null, cuts: new Float64Array(), storyboard: [],
};
const WHEEL_SHARE = 0.0018;
const BUTTON_FACTOR = 2;
const PREVIEW_PX = 160;
/** This close to the line it is the line that is dragged. */
const GRIP_PX = 5;

export class Timeline extends HTMLElement {
  /** @type {Data} */
  #data = NO_DATA;
  #view = whole(1);
  #line = 0;
  #seconds = 0;
  /** @type {import('../lib/spans.js').Span[]} */
  #spans = [];
  #ranks = EMPTY;
  /** @type {{ in: number | null, out: number | null }} */
  #marks = { in: null, out: null };
  /** @type {import('../lib/paint.js').Palette | null} */
  #palette = null;
  #pending = 0;
  #stale = { lane: true, overview: true };
  /** Pointers that are down on the lane. @type {Map<number, number>} CSS pixels from its left */
  #pointers = new Map();
  #dragging = /** @type {'seek' | 'line' | 'pinch' | 'overview' | null} */ (null);
  #watcher = new ResizeObserver(() => this.#resize());
  #dark = matchMedia('(prefers-color-scheme: dark)');

  connectedCallback() {
    if (!this.firstChild) this.#build();
    this.#watcher.observe(find(this, '.lane'));
    this.#dark.addEventListener('change', this);
    this.#resize();
  }

  disconnectedCallback() {
    this.#watcher.disconnect();
    this.#dark.removeEventListener('change', this);
    cancelAnimationFrame(this.#pending);
    this.#pending = 0;
  }

  #build() {
    render(this, html`
      <div class="tools">
        <label class="threshold">${texts.timeline.threshold}
          <input type="range" class="line-at" min="1" max="100" step="1"><output></output></label>
        <span class="now"></span>
        <span class="zoom" role="group">
          <button data-zoom="out" aria-label="${texts.timeline.farther}" title="${texts.timeline.farther} (-)">${icon('farther')}</button>
          <button data-zoom="in" aria-label="${texts.timeline.closer}" title="${texts.timeline.closer} (+)">${icon('closer')}</button>
          <button data-zoom="all" aria-label="${texts.timeline.fit}" title="${texts.timeline.fit} (0)">${icon('fit')}</button>
        </span>
      </div>
      <div class="lane">
        <canvas aria-hidden="true"></canvas>
        <div class="mark in" hidden></div><div class="mark out" hidden></div>
        <div class="line"><span class="grip"></span></div>
        <div class="hover" hidden></div>
        <div class="head"></div>
        <input type="range" class="seek visually-hidden" min="0" step="0.1" aria-label="${texts.timeline.seek}">
      </div>
      <div class="overview"><canvas aria-hidden="true"></canvas><div class="window"></div><div class="head"></div></div>
      <div class="preview" hidden><div class="picture"></div><span class="time"></span><span class="what"></span></div>
    `);
    const lane = find(this, '.lane');
    for (const name of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'pointerleave']) {
      lane.addEventListener(name, this);
      find(this, '.overview').addEventListener(name, this);
    }
    lane.addEventListener('wheel', this, { passive: false });
    this.addEventListener('input', this);
    this.addEventListener('click', this);
  }

  /** @param {Data} data */
  set data(data) {
    const other = data.duration !== this.#data.duration;
    this.#data = data;
    if (other) this.#view = whole(data.duration);
    find(this, '.seek').setAttribute('max', String(data.duration));
    this.classList.toggle('plain', data.scale === null);
    this.#respan();
  }

  get data() { return this.#data; }

  /** The least score of what is shown as matching. @param {number} score */
  set line(score) {
    if (score === this.#line) return;
    this.#line = score;
    this.#respan();
  }

  get line() { return this.#line; }

  /** Where the player is. @param {number} seconds */
  set seconds(seconds) {
    const inside = this.#view.from <= this.#seconds && this.#seconds < this.#view.to;
    this.#seconds = seconds;
    // Whoever has looked elsewhere is not called back.
    if (inside && !this.#dragging) this.#show(follow(this.#view, seconds));
    this.#sayTime();
    this.#place();
  }

  get seconds() { return this.#seconds; }

  /** @param {{ in: number | null, out: number | null }} marks */
  set marks(marks) {
    this.#marks = marks;
    this.#place();
  }

  /** What is shown as matching, in order of time. */
  get spans() { return this.#spans; }

  get view() { return this.#view; }

  /**
   * @param {number} factor below 1: closer
   * @param {number} [seconds] what stays where it is; by default where the player is, if that can be seen
   */
  zoom(factor, seconds) {
    const { from, to } = this.#view;
    const seen = from <= this.#seconds && this.#seconds <= to;
    this.#show(zoom(this.#view, factor, seconds ?? (seen ? this.#seconds : (from + to) / 2)));
  }

  /** @param {number} seconds */
  pan(seconds) { this.#show(pan(this.#view, seconds)); }

  fit() { this.#show(whole(this.#data.duration)); }

  #respan() {
    const { segments, curve, scale } = this.#data;
    this.#spans = spansAbove(segments, curve, this.#line, scale);
    this.#ranks = ranksOf(this.#spans);
    const input = /** @type {HTMLInputElement} */ (find(this, '.line-at'));
    input.value = String(Math.round(this.#line));
    find(this, 'output').textContent = String(Math.round(this.#line));
    this.#stale = { lane: true, overview: true };
    this.#place();
    this.#draw();
  }

  /** @param {import('../lib/view.js').View} view */
  #show(view) {
    if (same(view, this.#view)) return;
    this.#view = view;
    this.#stale.lane = true;
    this.#place();
    this.#draw();
  }

  #resize() {
    this.#palette = null;
    this.#stale = { lane: true, overview: true };
    this.#place();
    this.#draw();
  }

  #draw() {
    this.#pending ||= requestAnimationFrame(() => {
      this.#pending = 0;
      this.#paint();
    });
  }

  #paint() {
    const ratio = devicePixelRatio || 1;
    this.#palette ??= paletteOf(this, ratio);
    const scene = {
      view: this.#view, curve: this.#data.curve, ranks: this.#ranks, cuts: this.#data.cuts,
      palette: this.#palette, ratio,
    };
    if (this.#stale.lane) paintLane(sized(find(this, '.lane canvas'), ratio), scene);
    if (this.#stale.overview) paintOverview(sized(find(this, '.overview canvas'), ratio), scene);
    this.#stale = { lane: false, overview: false };
  }

  /** All that stands on top of the canvases. */
  #place() {
    const lane = find(this, '.lane');
    const width = lane.clientWidth;
    const height = lane.clientHeight;
    if (!width) return;
    const { from, to, duration } = this.#view;
    const x = (/** @type {number} */ seconds) => ((seconds - from) / (to - from)) * width;
    const head = find(lane, '.head');
    head.hidden = this.#seconds < from || this.#seconds > to;
    head.style.translate = `${x(this.#seconds)}px`;
    const floor = height - UNDER;
    find(lane, '.line').style.translate = `0 ${floor - (floor - RULER) * (this.#line / 100)}px`;
    for (const side of /** @type {const} */ (['in', 'out'])) {
      const mark = find(lane, `.mark.${side}`);
      const seconds = this.#marks[side];
      mark.hidden = seconds === null;
      if (seconds === null) continue;
      const at = Math.min(width, Math.max(0, x(seconds)));
      mark.style.left = side === 'in' ? '0' : `${at}px`;
      mark.style.width = `${side === 'in' ? at : width - at}px`;
    }
    const strip = find(this, '.overview .window');
    strip.style.left = `${(from / duration) * 100}%`;
    strip.style.width = `${((to - from) / duration) * 100}%`;
    strip.hidden = from === 0 && to === duration;
    find(this, '.overview .head').style.left = `${(this.#seconds / duration) * 100}%`;
  }

  #sayTime() {
    const seek = /** @type {HTMLInputElement} */ (find(this, '.seek'));
    const span = spanAt(this.#spans, this.#seconds);
    const now = clock(this.#seconds, 1);
    const shown = find(this, '.now');
    if (shown.textContent?.startsWith(`${now} `) && seek.dataset.span === String(span?.start)) return;
    seek.dataset.span = String(span?.start);
    shown.textContent = texts.timeline.of(now, clock(this.#data.duration, 1));
    seek.value = String(this.#seconds);
    const match = span && texts.timeline.inMatch(wordsOf(span));
    seek.setAttribute('aria-valuetext', [spoken(this.#seconds), match].filter(Boolean).join(', '));
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === 'change') this.#resize();
    else if (event.type === 'input') this.#input(/** @type {HTMLInputElement} */ (event.target));
    else if (event.type === 'click') this.#click(/** @type {Element} */ (event.target));
    else if (event.type === 'wheel') this.#wheel(/** @type {WheelEvent} */ (event));
    else if (event instanceof PointerEvent) {
      if (event.currentTarget === find(this, '.lane')) this.#onLane(event);
      else this.#onOverview(event);
    }
  }

  /** @param {HTMLInputElement} input */
  #input(input) {
    if (input.classList.contains('line-at')) this.#ask(REQUEST_THRESHOLD, { score: Number(input.value) });
    else if (input.classList.contains('seek')) this.#seek(Number(input.value), true);
  }

  /** @param {Element} target */
  #click(target) {
    const button = target.closest('[data-zoom]');
    if (!(button instanceof HTMLElement)) return;
    if (button.dataset.zoom === 'all') this.fit();
    else this.zoom(button.dataset.zoom === 'in' ? 1 / BUTTON_FACTOR : BUTTON_FACTOR);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const before = this.#view;
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      this.pan((sideways * pixels * (before.to - before.from)) / find(this, '.lane').clientWidth);
    } else {
      // Trackpads that pinch send small steps, with the control key.
      const strength = event.ctrlKey ? 5 : 1;
      this.zoom(Math.exp(event.deltaY * pixels * WHEEL_SHARE * strength), this.#secondsAt(event.clientX));
    }
    // Where nothing is left to do here, the page scrolls.
    if (!same(before, this.#view) || event.ctrlKey) event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #onLane(event) {
    const lane = find(this, '.lane');
    const { left, top } = lane.getBoundingClientRect();
    const x = event.clientX - left;
    if (event.type === 'pointerdown') {
      if (event.button) return;
      this.#pointers.set(event.pointerId, x);
      lane.setPointerCapture(event.pointerId);
      const line = this.#overLine(event.clientY - top) || /** @type {Element} */ (event.target).matches('.grip');
      this.#dragging = this.#pointers.size > 1 ? 'pinch' : line ? 'line' : 'seek';
      this.classList.toggle('moving-line', this.#dragging === 'line');
    }
    const down = this.#pointers.has(event.pointerId);
    if (event.type === 'pointermove' || event.type === 'pointerdown') {
      lane.classList.toggle('over-line', this.#dragging === 'line' || (!down && this.#overLine(event.clientY - top)));
      this.#hover(event);
      if (down && this.#dragging === 'seek') this.#seek(this.#secondsAt(event.clientX), false);
      if (down && this.#dragging === 'line') this.#moveLine(event.clientY - top);
      if (down && this.#dragging === 'pinch') this.#pinch(event.pointerId, x);
      return;
    }
    if (down && this.#dragging === 'seek' && event.type === 'pointerup') {
      this.#seek(this.#secondsAt(event.clientX), true);
    }
    this.#pointers.delete(event.pointerId);
    if (!this.#pointers.size) {
      this.#dragging = null;
      this.classList.remove('moving-line');
    }
    if (event.type === 'pointerleave' || event.pointerType === 'touch') this.#unhover();
  }

  /** @param {number} y CSS pixels from the lane's top */
  #overLine(y) {
    if (this.classList.contains('plain')) return false;
    const floor = find(this, '.lane').clientHeight - UNDER;
    return Math.abs(y - (floor - (floor - RULER) * (this.#line / 100))) <= GRIP_PX;
  }

  /** @param {number} y */
  #moveLine(y) {
    const floor = find(this, '.lane').clientHeight - UNDER;
    const score = Math.round(((floor - y) / (floor - RULER)) * 100);
    this.#ask(REQUEST_THRESHOLD, { score: Math.min(100, Math.max(1, score)) });
  }

  /** Two fingers: what is under each stays under it. @param {number} pointer @param {number} x */
  #pinch(pointer, x) {
    const [first, other] = [...this.#pointers.keys()];
    if (other === undefined) return;
    const before = [first, other].map((id) => /** @type {number} */ (this.#pointers.get(id)));
    this.#pointers.set(pointer, x);
    const now = [first, other].map((id) => /** @type {number} */ (this.#pointers.get(id)));
    const width = find(this, '.lane').clientWidth;
    const { from, to } = this.#view;
    const middle = from + ((before[0] + before[1]) / 2 / width) * (to - from);
    const apart = [before, now].map(([one, two]) => Math.max(10, Math.abs(one - two)));
    const closer = zoom(this.#view, apart[0] / apart[1], middle);
    const shift = ((before[0] + before[1] - now[0] - now[1]) / 2 / width) * (closer.to - closer.from);
    this.#show(pan(closer, shift));
  }

  /** @param {PointerEvent} event */
  #onOverview(event) {
    const strip = find(this, '.overview');
    if (event.type === 'pointerdown' && !event.button) {
      strip.setPointerCapture(event.pointerId);
      this.#dragging = 'overview';
    }
    const { left, width } = strip.getBoundingClientRect();
    const { duration } = this.#data;
    const seconds = Math.min(1, Math.max(0, (event.clientX - left) / width)) * duration;
    if (this.#dragging === 'overview' && event.type !== 'pointerleave') {
      const length = this.#view.to - this.#view.from;
      if (length < duration) this.#show(moved(this.#view, seconds - length / 2, length));
      else this.#seek(seconds, event.type === 'pointerup');
    }
    if (event.type === 'pointerup' || event.type === 'pointercancel') this.#dragging = null;
    if (event.type === 'pointermove') this.#preview(seconds, event.clientX, strip);
    if (event.type === 'pointerleave') this.#unhover();
  }

  /** @param {number} clientX */
  #secondsAt(clientX) {
    const { left, width } = find(this, '.lane').getBoundingClientRect();
    const { from, to } = this.#view;
    return from + Math.min(1, Math.max(0, (clientX - left) / width)) * (to - from);
  }

  /** @param {PointerEvent} event */
  #hover(event) {
    const lane = find(this, '.lane');
    const hover = find(lane, '.hover');
    hover.hidden = this.#dragging === 'line';
    hover.style.translate = `${event.clientX - lane.getBoundingClientRect().left}px`;
    if (hover.hidden) find(this, '.preview').hidden = true;
    else this.#preview(this.#secondsAt(event.clientX), event.clientX, lane);
  }

  #unhover() {
    find(this, '.preview').hidden = true;
    find(this, '.hover').hidden = true;
    find(this, '.lane').classList.remove('over-line');
  }

  /** @param {number} seconds @param {number} clientX @param {HTMLElement} over */
  #preview(seconds, clientX, over) {
    const preview = find(this, '.preview');
    const cue = cueAt(this.#data.storyboard, seconds);
    const picture = find(preview, '.picture');
    picture.hidden = !cue;
    if (cue) showCue(picture, cue, cue.height > cue.width ? PREVIEW_PX / 2 : PREVIEW_PX);
    const span = spanAt(this.#spans, seconds);
    find(preview, '.time').textContent = clock(seconds, 1);
    const what = find(preview, '.what');
    what.textContent = span ? wordsOf(span) : '';
    what.className = `what ${span?.confidence ?? ''}`;
    preview.hidden = false;
    const box = this.getBoundingClientRect();
    const half = preview.offsetWidth / 2;
    const x = Math.min(box.width - half, Math.max(half, clientX - box.left));
    preview.style.left = `${x - half}px`;
    preview.style.top = `${over.offsetTop - preview.offsetHeight - 6}px`;
  }

  /** @param {number} seconds @param {boolean} precise */
  #seek(seconds, precise) {
    this.#ask(REQUEST_SEEK, { seconds, precise });
  }

  /** @param {string} name @param {object} detail */
  #ask(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

/** "high, 91" @param {import('../lib/spans.js').Span} span */
export function wordsOf({ confidence, score }) {
  return texts.viewer.match(confidence === 'none' ? texts.viewer.unlikely : texts.confidence[confidence], score);
}

/** The context of a canvas that has as many pixels as are shown. @param {HTMLElement} canvas @param {number} ratio */
function sized(canvas, ratio) {
  const element = /** @type {HTMLCanvasElement} */ (canvas);
  const width = Math.max(1, Math.round(element.clientWidth * ratio));
  const height = Math.max(1, Math.round(element.clientHeight * ratio));
  if (element.width !== width) element.width = width;
  if (element.height !== height) element.height = height;
  return contextOf(element);
}

customElements.define('ms-timeline', Timeline);
