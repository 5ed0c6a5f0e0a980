/** The matches of one media file as links, in order of time: what the timeline shows, for reading. */

import { frameUrl } from '../lib/api.js';
import { clock } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { place, write } from '../place.js';
import { texts } from '../texts.js';
import { wordsOf } from './timeline.js';

/** @typedef {import('../lib/spans.js').Span} Span */

const PAGE = 60;
const PICTURE_PX = 160;

export class Matches extends HTMLElement {
  /** @type {Span[]} */
  #spans = [];
  #shown = PAGE;
  /** @type {Span | null} */
  #current = null;
  #later = 0;

  connectedCallback() {
    this.addEventListener('click', this);
  }

  /**
   * @param {Span[]} spans
   * @param {{ line: number, asked: number } | null} rule
   */
  show(spans, rule) {
    this.#spans = spans;
    this.#shown = PAGE;
    this.hidden = rule === null;
    // While the line is dragged, once it rests for a moment.
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#render(rule), this.firstChild ? 120 : 0);
  }

  /** Where the player is. @param {Span | null} span */
  set current(span) {
    if (span === this.#current) return;
    this.#current = span;
    this.#mark();
  }

  /** @param {{ line: number, asked: number } | null} [rule] */
  #render(rule) {
    if (!rule) {
      this.replaceChildren();
      return;
    }
    render(this, html`
      <h2 title="${texts.viewer.rule(rule.asked)}">${texts.viewer.matches}</h2>
      <p class="count" role="status">${texts.viewer.above(this.#spans.length, rule.line)}</p>
      <ol></ol>
      <button class="more" hidden>${texts.viewer.more}</button>`);
    this.#fill(0);
  }

  /** @param {number} from */
  #fill(from) {
    const list = find(this, 'ol');
    const watch = place().watch;
    for (const [index, span] of this.#spans.slice(from, this.#shown).entries()) {
      const item = document.createElement('li');
      const { start, end, segment, confidence } = span;
      const best = segment?.best_seconds ?? (start + end) / 2;
      const address = watch && write({ ...place(), watch: { mediaId: watch.mediaId, seconds: start } });
      render(item, html`<a href="${address}" data-index="${from + index}">
        <img src="${watch && frameUrl(watch.mediaId, Number(best.toFixed(3)), PICTURE_PX)}" alt="" loading="lazy" width="80" height="45">
        <span class="times">${clock(start, 1)} – ${clock(end, 1)}</span>
        <span class="sureness ${confidence}">${wordsOf(span)}</span>
        ${segment?.label && html`<span class="label">${segment.label}</span>`}</a>`);
      list.append(item);
    }
    find(this, '.more').hidden = this.#spans.length <= this.#shown;
    this.#mark();
  }

  #mark() {
    this.querySelector('[aria-current]')?.removeAttribute('aria-current');
    const index = this.#current ? this.#spans.indexOf(this.#current) : -1;
    const link = this.querySelector(`a[data-index="${index}"]`);
    if (!(link instanceof HTMLElement)) return;
    link.setAttribute('aria-current', 'true');
    const list = find(this, 'ol');
    const item = /** @type {HTMLElement} */ (link.parentElement);
    // Only the list itself is scrolled, never what is around it.
    if (item.offsetTop < list.scrollTop) list.scrollTop = item.offsetTop;
    else if (item.offsetTop + item.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = item.offsetTop + item.offsetHeight - list.clientHeight;
    }
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (!(/** @type {Element} */ (event.target).closest('.more'))) return;
    const before = this.#shown;
    this.#shown += PAGE;
    this.#fill(before);
  }

  /** The match that a link is about. @param {Element} link */
  spanOf(link) {
    return this.#spans[Number(/** @type {HTMLElement} */ (link).dataset.index)] ?? null;
  }
}

customElements.define('ms-matches', Matches);
