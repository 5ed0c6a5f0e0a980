/** The answer as cards: flat or by file, page by page; or why there is none. */

import './card.js';
import './filters.js';
import { ANSWER_CHANGED, bus, PLACE_CHANGED, REQUEST_JUDGE } from '../events.js';
import { lookAtFacts } from '../facts.js';
import { find, html, render } from '../lib/html.js';
import { go, NO_FILTERS, place } from '../place.js';
import { answer, askAgain, cancel, feedback, more } from '../search.js';
import { idOf } from '../selection.js';
import { texts } from '../texts.js';

/** @typedef {import('./card.js').Card} Card */
/** @typedef {import('../search.js').Segment} Segment */
/** @typedef {import('../search.js').Group} Group */

const SKELETONS = 12;
/** So far below what is seen the next page is fetched. */
const AHEAD = '800px';

class Results extends HTMLElement {
  /** What the cards show: an answer, and how many of its segments. @type {{ queryId: string | null, count: number }} */
  #shown = { queryId: null, count: 0 };
  /** What was said of results since the question was asked: up or down by id. @type {Map<string, string>} */
  #judged = new Map();
  /** The part of the address that `#judged` belongs to. */
  #question = '';
  #ending = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) this.#moreIfOfUse();
  }, { rootMargin: AHEAD });

  connectedCallback() {
    if (!this.firstChild) this.#build();
    for (const type of ['click', 'keydown', 'focusin', REQUEST_JUDGE]) this.addEventListener(type, this);
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED]) bus.addEventListener(type, this);
    addEventListener('online', this);
    this.#ending.observe(find(this, '.end'));
    this.update();
  }

  disconnectedCallback() {
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED]) bus.removeEventListener(type, this);
    removeEventListener('online', this);
    this.#ending.disconnect();
  }

  #build() {
    render(this, html`
      <div class="head">
        <h2 class="visually-hidden">${texts.results.region}</h2>
        <div class="said"><p class="message" role="status"></p>
          <button data-do="stop" hidden>${texts.ask.stop} <kbd>Esc</kbd></button></div>
        <p class="refined" hidden><span></span> <button data-do="unrefine">${texts.results.unrefine}</button></p>
        <ms-filters></ms-filters>
      </div>
      <div class="bar" hidden></div>
      <section aria-label="${texts.results.region}">
        <p id="results-keys" class="visually-hidden">${texts.results.keys}</p>
        <div class="cards"></div>
        <div class="state" hidden></div>
        <p class="hidden-ones" hidden><span></span> <button data-do="all-scores">${texts.results.showAll}</button></p>
        <p class="more" hidden><span role="status"></span> <button data-do="more"></button></p>
        <div class="end"></div>
      </section>`);
  }

  /** @param {Event} event */
  handleEvent(event) {
    switch (event.type) {
      case PLACE_CHANGED:
      case ANSWER_CHANGED: return this.update();
      case 'online': return answer().state === 'failed' ? void askAgain() : undefined;
      case 'focusin': return this.#follow(/** @type {Element} */ (event.target).closest('ms-card'));
      case 'keydown': return this.#key(/** @type {KeyboardEvent} */ (event));
      case REQUEST_JUDGE: return this.#judge(/** @type {CustomEvent} */ (event).detail);
      default: return this.#click(event);
    }
  }

  /** @returns {Card[]} those that can be seen */
  get #cards() {
    return /** @type {Card[]} */ ([...this.querySelectorAll('li:not([hidden]) > ms-card')]);
  }

  update() {
    const { question, filters } = place();
    const now = answer();
    this.hidden = question === null;
    if (this.#question !== JSON.stringify(question)) {
      this.#question = JSON.stringify(question);
      this.#judged.clear();
    }
    const asking = now.state === 'asking';
    find(this, '.bar').hidden = !asking;
    find(this, '[data-do="stop"]').hidden = !asking;
    find(this, '.cards').toggleAttribute('inert', asking && now.segments.length > 0);
    this.setAttribute('aria-busy', String(asking));
    if (!asking || now.segments.length === 0) this.#showCards();
    this.#applyLine(filters.score);
    find(this, '.message').textContent = this.#message();
    this.#showRefined();
    this.#showState();
    this.#showMore();
  }

  #message() {
    const { state, message } = answer();
    if (state === 'asking') return texts.results.asking;
    if (state === 'stopped') return texts.results.stopped;
    if (state === 'failed') return texts.results.failed;
    return message;
  }

  #showRefined() {
    const judged = [...this.#judged.values()];
    const line = find(this, '.refined');
    line.hidden = judged.length === 0;
    const up = judged.filter((one) => one === 'up').length;
    find(line, 'span').textContent = texts.results.refined(up, judged.length - up);
  }

  /** Cards of pages that came join those that are there; another answer replaces them. */
  #showCards() {
    const { queryId, segments, groups, state } = answer();
    const list = find(this, '.cards');
    if (state === 'asking') {
      this.#shown = { queryId: null, count: 0 };
      return render(list, html`<ul class="grid">${Array.from({ length: SKELETONS }, () => html`
        <li class="skeleton" aria-hidden="true"><div></div><p></p></li>`)}</ul>`);
    }
    if (queryId === null || queryId !== this.#shown.queryId) {
      list.replaceChildren();
      this.#shown = { queryId, count: 0 };
    }
    const fresh = segments.slice(this.#shown.count);
    this.#shown.count = segments.length;
    if (!fresh.length) return;
    if (groups) this.#appendGroups(list, groups, fresh);
    else this.#appendFlat(list, fresh);
    this.#follow(this.querySelector('ms-card[current]') ?? this.querySelector('ms-card'));
  }

  /** @param {Element} list @param {Segment[]} segments */
  #appendFlat(list, segments) {
    const byScore = place().filters.sort === 'score';
    for (const segment of segments) {
      if (byScore && segment.confidence === 'none' && !list.querySelector('.below')) list.append(belowTheLine());
      const last = list.lastElementChild;
      const grid = last instanceof HTMLUListElement ? last : list.appendChild(newGrid());
      grid.append(this.#item(segment));
    }
  }

  /** @param {Element} list @param {Group[]} groups @param {Segment[]} segments */
  #appendGroups(list, groups, segments) {
    for (const group of groups) {
      const own = segments.filter((segment) => segment.media_id === group.media_id);
      if (!own.length) continue;
      const part = document.createElement('section');
      render(part, html`<h3><bdi class="name" title="${group.media}">${group.media}</bdi>
        <span>${texts.results.ofFile(group.segment_count, group.score)}</span></h3>`);
      part.setAttribute('aria-label', group.media);
      part.append(newGrid());
      find(part, 'ul').append(...own.map((segment) => this.#item(segment)));
      list.append(part);
    }
  }

  /** @param {Segment} segment */
  #item(segment) {
    const item = document.createElement('li');
    const card = /** @type {Card} */ (document.createElement('ms-card'));
    card.segment = segment;
    card.link.setAttribute('aria-describedby', 'results-keys');
    const judged = this.#judged.get(idOf(segment));
    if (judged) card.setAttribute('judged', judged);
    item.append(card);
    return item;
  }

  /** What scores less is not shown, at once and without asking. @param {number} least */
  #applyLine(least) {
    const cards = /** @type {NodeListOf<Card>} */ (this.querySelectorAll('ms-card'));
    let hidden = 0, best = 0;
    for (const card of cards) {
      const below = card.segment.score < least;
      /** @type {HTMLElement} */ (card.parentElement).hidden = below;
      hidden += Number(below);
      best = Math.max(best, card.segment.score);
      card.update();
    }
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll('.cards section'))) {
      part.hidden = !part.querySelector('li:not([hidden])');
    }
    const line = find(this, '.hidden-ones');
    line.hidden = hidden === 0;
    find(line, 'span').textContent = hidden === cards.length
      ? texts.results.allHidden(least, best) : texts.results.hidden(hidden, least);
    if (!this.querySelector('li:not([hidden]) > ms-card[current]')) this.#follow(this.#cards[0] ?? null);
  }

  /** What there is to say where there are no cards, and what to do about it. */
  #showState() {
    const { state, segments, error } = answer();
    const { filters } = place();
    const said = texts.results;
    const panel = find(this, '.state');
    const filtered = filters.only || filters.labels.length || filters.name || filters.tags.length || ['medium', 'high'].includes(filters.confidence);
    let shown = null;
    if (state === 'failed') {
      shown = html`<h2>${said.failed}</h2><p>${error?.message}</p><button class="main" data-do="again">${texts.app.retry}</button>`;
    } else if (state === 'stopped') {
      shown = html`<h2>${said.stopped}</h2><button class="main" data-do="again">${said.again}</button>`;
    } else if (state === 'ready' && !segments.length) {
      const near = filters.confidence === 'none';
      shown = html`
        <svg viewBox="0 0 48 48" aria-hidden="true"><circle cx="21" cy="21" r="13"/><path d="m31 31 11 11M15 21h12"/></svg>
        <h2>${filtered ? said.nothingFiltered : said.nothing}</h2>
        <p>${near ? said.nothingNear : said.nothingMeans}</p>
        <div>${filtered && html`<button data-do="clear">${said.clear}</button>`}
          ${!near && html`<button class="main" data-do="nearest">${said.nearest}</button>`}</div>
        <p class="empty" hidden>${said.emptyLibrary} <a href="/?view=library">${said.toLibrary}</a></p>`;
    }
    const key = shown ? String(shown) : '';
    panel.hidden = !shown;
    // Said aloud, but not to be read twice.
    find(this, '.message').classList.toggle('visually-hidden', shown !== null);
    if (panel.dataset.shown === key) return;
    panel.dataset.shown = key;
    render(panel, shown ?? html``);
    if (state === 'ready' && shown) void this.#sayIfEmpty();
  }

  async #sayIfEmpty() {
    try {
      const { videos, stills } = await lookAtFacts();
      const note = this.querySelector('.state .empty');
      if (note instanceof HTMLElement) note.hidden = videos + stills > 0;
    } catch {
      // A hint that nobody misses; what is wrong will be said where it matters.
    }
  }

  #showMore() {
    const { nextPage, paging, remaining, state, error } = answer();
    const line = find(this, '.more');
    line.hidden = !nextPage || state !== 'ready';
    find(line, 'span').textContent = paging === 'failed' ? `${texts.results.moreFailed} ${error?.message}` : '';
    const button = /** @type {HTMLButtonElement} */ (find(line, 'button'));
    button.textContent = paging === 'failed' ? texts.app.retry : texts.results.more(remaining);
    button.disabled = paging === 'coming';
    // An end that stays in sight says nothing by itself.
    this.#ending.unobserve(find(this, '.end'));
    this.#ending.observe(find(this, '.end'));
  }

  /** The next page, unless all of it would be below the line, or the last try has failed. */
  #moreIfOfUse() {
    const { segments, paging } = answer();
    const { filters } = place();
    const useless = filters.sort === 'score' && !filters.grouped && (segments.at(-1)?.score ?? 100) < filters.score;
    if (!this.hidden && !useless && paging === 'still') void more();
  }

  /** @param {Event} event */
  #click(event) {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-do]'));
    const { filters } = place();
    switch (button?.dataset.do) {
      case 'again':
      case 'unrefine':
        this.#judged.clear();
        return void askAgain();
      case 'stop': return cancel();
      case 'more': return void more();
      case 'nearest': return go({ filters: { ...filters, confidence: 'none' } });
      case 'matches': return go({ filters: { ...filters, confidence: 'low' } });
      case 'clear': return go({ filters: NO_FILTERS });
      case 'all-scores': return go({ filters: { ...filters, score: 0 } }, { replace: true });
    }
  }

  /** @param {{ segment: Segment, judged: 'up' | 'down' }} detail */
  #judge({ segment, judged }) {
    if (this.#judged.get(idOf(segment)) === judged) return;
    this.#judged.set(idOf(segment), judged);
    const { media_id, best_seconds: at_seconds, box_xyxy } = segment;
    const moment = { media_id, at_seconds, box_xyxy };
    void feedback(judged === 'up' ? [moment] : [], judged === 'down' ? [moment] : []);
  }

  /** From now on Tab leads to this card. @param {Element | null} card */
  #follow(card) {
    if (!card || card.hasAttribute('current')) return;
    this.querySelector('ms-card[current]')?.removeAttribute('current');
    card.setAttribute('current', '');
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const card = /** @type {Element} */ (event.target).closest('ms-card');
    if (!card || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const cards = this.#cards;
    const at = cards.indexOf(/** @type {Card} */ (card));
    const rightwards = getComputedStyle(this).direction === 'rtl' ? -1 : 1;
    /** @type {Record<string, () => Card | undefined>} */
    const ways = {
      ArrowRight: () => cards[at + rightwards], ArrowLeft: () => cards[at - rightwards],
      ArrowDown: () => beside(cards, at, 1), ArrowUp: () => beside(cards, at, -1),
      Home: () => cards[0], End: () => cards.at(-1),
    };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const next = way();
    if (!next) return;
    this.#follow(next);
    next.link.focus();
    next.scrollIntoView({ block: 'nearest' });
  }
}

/**
 * The card in the next row, or the one before, that is nearest in the same column.
 * @param {Card[]} cards
 * @param {number} at
 * @param {1 | -1} step
 */
function beside(cards, at, step) {
  const from = cards[at].getBoundingClientRect();
  let found, least = Infinity, row = NaN;
  for (let index = at + step; index >= 0 && index < cards.length; index += step) {
    const { left, top } = cards[index].getBoundingClientRect();
    if (Math.abs(top - from.top) < 2) continue;
    if (Number.isNaN(row)) row = top;
    if (Math.abs(top - row) > 2) break;
    const off = Math.abs(left - from.left);
    if (off < least) [found, least] = [cards[index], off];
  }
  return found;
}

function newGrid() {
  const grid = document.createElement('ul');
  grid.className = 'grid';
  return grid;
}

function belowTheLine() {
  const line = document.createElement('div');
  line.className = 'below';
  render(line, html`<h3>${texts.results.below}</h3><p>${texts.results.belowMeans}</p>
    <button data-do="matches">${texts.results.hideNearest}</button>`);
  return line;
}

customElements.define('ms-results', Results);
