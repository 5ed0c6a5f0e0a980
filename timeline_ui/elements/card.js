/**
 * One result: its best frame with what matched in it, when, how sure, and what can be done with it.
 *
 * Property `segment`; attribute `judged` up or down. It asks by REQUEST_WATCH and REQUEST_JUDGE, and marks itself.
 * Only the card that has the attribute `current` is reached by Tab; elements/results.js moves it with the arrow keys.
 */

import { bus, REQUEST_JUDGE, REQUEST_WATCH, SELECTION_CHANGED } from '../events.js';
import { fileUrl, frameUrl } from '../lib/api.js';
import { clock, spoken } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { showWhenSeen } from '../lib/pictures.js';
import { place, write } from '../place.js';
import { isMarked, mark } from '../selection.js';
import { texts } from '../texts.js';

/** @typedef {import('../search.js').Segment} Segment */

/** A pointer that rests this long wants to see more. */
const HOVER_MS = 450;

const THUMB = 'M7 10v9H4v-9h3Zm2 9V10l4-7c1.5 0 2.4 1.1 2.1 2.6L14.5 9H19c1.3 0 2.2 1.2 1.9 2.4l-1.5 6A2.2 2.2 0 0 1 17.3 19H9Z';

export class Card extends HTMLElement {
  static observedAttributes = ['current', 'judged'];

  /** @type {Segment | null} */
  #segment = null;
  #hovering = 0;

  /** @returns {Segment} */
  get segment() {
    if (!this.#segment) throw new Error('a card without its segment');
    return this.#segment;
  }

  set segment(segment) {
    this.#segment = segment;
    this.#build();
  }

  connectedCallback() {
    for (const type of ['click', 'change', 'keydown', 'pointerenter', 'pointerleave']) this.addEventListener(type, this);
    bus.addEventListener(SELECTION_CHANGED, this);
  }

  disconnectedCallback() {
    bus.removeEventListener(SELECTION_CHANGED, this);
    this.stop();
  }

  attributeChangedCallback() {
    if (this.#segment) this.update();
  }

  /** Where Enter goes, and what arrow keys go to. @returns {HTMLAnchorElement} */
  get link() {
    return find(this, 'a');
  }

  /** How a person calls it. */
  get #when() {
    const { media_type: type, start_seconds: start, end_seconds: end } = this.segment;
    return type === 'image' ? texts.card.still : texts.card.between(spoken(start), spoken(end));
  }

  #build() {
    const { media, media_type: type, media_id: id, best_seconds: best, start_seconds: start, end_seconds: end,
      score, confidence, label } = this.segment;
    const word = texts.confidence[confidence];
    const what = `${media}, ${this.#when}`;
    const times = type === 'image' ? texts.card.still : `${clock(start, 1)} – ${clock(end, 1)}`;
    render(this, html`
      <a class="picture" aria-label="${texts.card.opens(media, this.#when, score, word)}${type === 'video' && `, ${times}`}">
        <img alt="" decoding="async" width="480" height="270">
        <svg aria-hidden="true"></svg>
        <span class="time">${times}</span>
      </a>
      <div class="facts">
        <span class="confidence ${confidence}">${word}</span>
        <span class="score"><span class="visually-hidden">${texts.card.score} </span>${Math.round(score)}</span>
        ${label && html`<span class="label" title="${texts.card.label(label)}">${label}</span>`}
        <span class="tools">
          <label title="${texts.card.mark('')}"><input type="checkbox" aria-label="${texts.card.mark(what)}"></label>
          <button data-judge="up" aria-label="${texts.card.up(what)}" title="${texts.card.up(media)}">
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${THUMB}"/></svg></button>
          <button data-judge="down" aria-label="${texts.card.down(what)}" title="${texts.card.down(media)}">
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${THUMB}"/></svg></button>
        </span>
      </div>
      <p class="name" title="${media}"><bdi>${media}</bdi></p>`);
    const image = /** @type {HTMLImageElement} */ (find(this, 'img'));
    image.addEventListener('load', () => this.#drawBox(image.naturalWidth, image.naturalHeight));
    image.addEventListener('error', () => this.classList.add('no-frame'));
    showWhenSeen(image, frameUrl(id, best));
    this.update();
  }

  update() {
    const current = this.hasAttribute('current');
    for (const control of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll('a, input, button'))) {
      control.tabIndex = current ? 0 : -1;
    }
    const { watch: _, ...here } = place();
    const { media_id: mediaId, start_seconds: seconds } = this.segment;
    this.link.href = `/${write({ ...here, watch: { mediaId, seconds } })}#${this.#span()}`;
    /** @type {HTMLInputElement} */ (find(this, 'input')).checked = isMarked(this.segment);
    this.toggleAttribute('marked', isMarked(this.segment));
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll('[data-judge]'))) {
      button.setAttribute('aria-pressed', String(button.dataset.judge === this.getAttribute('judged')));
    }
  }

  /** The part of the file, as a media fragment. */
  #span() {
    return this.segment.media_type === 'image' ? '' : `t=${this.segment.start_seconds},${this.segment.end_seconds}`;
  }

  /** What matched, over exactly where the picture lies. @param {number} width @param {number} height of the frame */
  #drawBox(width, height) {
    const { box_xyxy: box } = this.segment;
    const drawing = find(this, 'svg');
    if (!box || !width) return;
    const [x1, y1, x2, y2] = box;
    drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
    // A light line on a dark one: to be seen on any picture.
    drawing.replaceChildren(...['edge', 'line'].map((name) => {
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      const sizes = { class: name, x: x1 * width, y: y1 * height, width: (x2 - x1) * width, height: (y2 - y1) * height };
      Object.entries(sizes).forEach(([attribute, value]) => line.setAttribute(attribute, String(value)));
      return line;
    }));
  }

  /** @param {Event} event */
  handleEvent(event) {
    switch (event.type) {
      case SELECTION_CHANGED: return this.update();
      case 'change': return mark([this.segment], /** @type {HTMLInputElement} */ (event.target).checked);
      case 'click': return this.#click(/** @type {MouseEvent} */ (event));
      case 'keydown': return this.#key(/** @type {KeyboardEvent} */ (event));
      case 'pointerenter':
        if (/** @type {PointerEvent} */ (event).pointerType === 'mouse' && !still()) {
          this.#hovering = setTimeout(() => this.play(), HOVER_MS);
        }
        return;
      default: return this.stop();
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const judged = /** @type {HTMLElement | null} */ (target.closest('[data-judge]'))?.dataset.judge;
    if (judged) {
      this.dispatchEvent(new CustomEvent(REQUEST_JUDGE, { bubbles: true, detail: { segment: this.segment, judged } }));
    } else if (target.closest('a') && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.button) {
      event.preventDefault();
      const { media_id: mediaId, start_seconds: seconds } = this.segment;
      this.dispatchEvent(new CustomEvent(REQUEST_WATCH, { bubbles: true, detail: { mediaId, seconds } }));
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.link) return;
    if (event.key === ' ') {
      if (this.querySelector('video')) this.stop();
      else this.play();
    } else if (event.key === 'm') mark([this.segment], !isMarked(this.segment));
    else return;
    event.preventDefault();
  }

  /** The span, without sound, in place of the frame; until `stop`, again and again. */
  play() {
    const { media_type: type, media_id: id, start_seconds: start, end_seconds: end } = this.segment;
    if (type === 'image' || this.querySelector('video')) return;
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.tabIndex = -1;
    video.src = `${fileUrl(id)}#t=${start},${end}`;
    video.addEventListener('timeupdate', () => {
      if (video.currentTime >= end || video.ended) video.currentTime = start;
    });
    // Paused at the end of the span by the browser itself.
    video.addEventListener('pause', () => {
      if (video.isConnected && video.currentTime >= end - 0.05) {
        video.currentTime = start;
        void video.play().catch(() => this.stop());
      }
    });
    video.addEventListener('error', () => this.stop());
    this.link.append(video);
    this.classList.add('plays');
    void video.play().catch(() => this.stop());
  }

  stop() {
    clearTimeout(this.#hovering);
    this.classList.remove('plays');
    const video = this.querySelector('video');
    if (!video) return;
    video.removeAttribute('src');
    video.load();
    video.remove();
  }
}

/** Whether somebody wants nothing to move by itself. */
function still() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

customElements.define('ms-card', Card);
