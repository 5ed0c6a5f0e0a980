/** What of the answer is to be seen. All but the threshold is asked of the server; every change is a new address. */

import { ANSWER_CHANGED, bus, PLACE_CHANGED } from '../events.js';
import { askJson } from '../lib/api.js';
import { find, html, render } from '../lib/html.js';
import { go, NO_FILTERS, place } from '../place.js';
import { answer } from '../search.js';
import { texts } from '../texts.js';

/** @typedef {import('../place.js').Filters} Filters */

const ONLY = /** @type {const} */ (['', 'video', 'image']);
const LEVELS = /** @type {const} */ (['high', 'medium', 'low', 'none']);
const SORTS = /** @type {const} */ (['score', 'time']);
/** After the last letter of a file name. */
const TYPED_MS = 300;
/** Files whose tags are offered. */
const MOST_LOOKED_AT = 200;

class FiltersBar extends HTMLElement {
  #typing = 0;
  /** Labels that answers have had since there is a question: what can be chosen. @type {Set<string>} */
  #labels = new Set();
  #tagsKnown = false;

  connectedCallback() {
    if (!this.firstChild) this.#build();
    for (const type of ['input', 'change', 'click', 'submit', 'focusin']) this.addEventListener(type, this);
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED]) bus.addEventListener(type, this);
    this.update();
  }

  disconnectedCallback() {
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED]) bus.removeEventListener(type, this);
  }

  #build() {
    const said = texts.filters;
    render(this, html`
      <form role="search" aria-label="${said.region}">
        <fieldset><legend class="visually-hidden">${said.only}</legend>
          <div class="switch">${ONLY.map((only) => html`<label>
            <input type="radio" name="only" value="${only}" class="visually-hidden">
            <span>${only ? said[only] : said.all}</span></label>`)}</div>
        </fieldset>
        <label class="level">${said.confidence}
          <select name="confidence">${LEVELS.map((level) => html`<option value="${level}">${said.levels[level]}</option>`)}</select>
        </label>
        <div class="least"><label for="least-score">${said.score}</label> <output for="least-score"></output>
          <input type="range" id="least-score" name="score" min="0" max="100" step="1"></div>
        <label class="order">${said.sort}
          <select name="sort">${SORTS.map((sort) => html`<option value="${sort}">${said.sorts[sort]}</option>`)}</select>
        </label>
        <label class="check"><input type="checkbox" name="grouped"> ${said.grouped}</label>
        <details>
          <summary class="button">${said.more}<span class="number"></span></summary>
          <div class="further">
            <label>${said.name}<input type="search" name="name" maxlength="255" autocomplete="off"></label>
            <label>${said.tag}<span class="adding">
              <input type="text" name="tag" maxlength="100" list="known-tags" autocomplete="off">
              <button>${said.tagAdd}</button></span></label>
            <datalist id="known-tags"></datalist>
            <fieldset class="labels"><legend>${said.label}</legend><div></div></fieldset>
          </div>
        </details>
        <ul class="chosen"></ul>
      </form>`);
  }

  /** @param {Event} event */
  handleEvent(event) {
    const target = /** @type {HTMLInputElement} */ (event.target);
    switch (event.type) {
      case ANSWER_CHANGED:
      case PLACE_CHANGED: return this.update();
      case 'submit':
        event.preventDefault();
        return this.#addTag();
      case 'click': return this.#click(event);
      case 'focusin': return target.name === 'tag' ? void this.#offerTags() : undefined;
      case 'input':
        if (target.name === 'score') this.#set({ score: Number(target.value) }, true);
        else if (target.name === 'name') {
          clearTimeout(this.#typing);
          this.#typing = setTimeout(() => this.#set({ name: target.value.trim() }, true), TYPED_MS);
        }
        return;
      default: return this.#change(target);
    }
  }

  /** @param {HTMLInputElement} input */
  #change({ name, value, checked }) {
    if (name === 'only') this.#set({ only: /** @type {Filters['only']} */ (value || null) });
    else if (name === 'confidence') this.#set({ confidence: /** @type {Filters['confidence']} */ (value) });
    else if (name === 'sort') this.#set({ sort: /** @type {Filters['sort']} */ (value) });
    else if (name === 'grouped') this.#set({ grouped: checked });
    else if (name === 'label') {
      const others = place().filters.labels.filter((label) => label !== value);
      this.#set({ labels: checked ? [...others, value] : others });
    }
  }

  /** @param {Partial<Filters>} change @param {boolean} [replace] steps on the way to a value are no steps of the history */
  #set(change, replace = false) {
    go({ filters: { ...place().filters, ...change } }, { replace });
  }

  #addTag() {
    const input = /** @type {HTMLInputElement} */ (find(this, '[name="tag"]'));
    const tag = input.value.trim();
    input.value = '';
    if (tag) this.#set({ tags: [...new Set([...place().filters.tags, tag])] });
  }

  /** @param {Event} event */
  #click(event) {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.chosen button'));
    if (!button) return;
    const { filters } = place();
    const { what, value } = button.dataset;
    if (what === 'all') go({ filters: NO_FILTERS });
    else if (what === 'tag') this.#set({ tags: filters.tags.filter((tag) => tag !== value) });
    else if (what === 'label') this.#set({ labels: filters.labels.filter((label) => label !== value) });
    else this.#set({ name: '' });
  }

  /** Tags that there are, as suggestions. */
  async #offerTags() {
    if (this.#tagsKnown) return;
    this.#tagsKnown = true;
    try {
      const { data } = await askJson(`/media?limit=${MOST_LOOKED_AT}`);
      const tags = new Set(data.flatMap((/** @type {{ tags: string[] }} */ media) => media.tags));
      render(find(this, '#known-tags'), html`${[...tags].sort().map((tag) => html`<option value="${tag}"></option>`)}`);
    } catch {
      // They are suggestions; the next time somebody looks there may be some.
      this.#tagsKnown = false;
    }
  }

  update() {
    const { filters, question } = place();
    if (!question) this.#labels.clear();
    for (const { label } of answer().segments) if (label) this.#labels.add(label);
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (this.querySelectorAll('[name="only"]'))) {
      input.checked = input.value === (filters.only ?? '');
    }
    this.#field('confidence').value = filters.confidence;
    this.#field('sort').value = filters.sort;
    this.#field('score').value = String(filters.score);
    find(this, 'output').textContent = String(filters.score);
    this.#field('grouped').checked = filters.grouped;
    const name = this.#field('name');
    if (document.activeElement !== name) name.value = filters.name;
    this.#showLabels(filters.labels);
    const further = Number(filters.name !== '') + filters.tags.length + filters.labels.length;
    find(this, '.number').textContent = further ? ` (${further})` : '';
    this.#showChosen(filters, further > 0 || filters.only !== null || filters.score > 0 || filters.confidence !== 'low');
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (find(this, `[name="${name}"]`));
  }

  /** @param {string[]} chosen */
  #showLabels(chosen) {
    const labels = [...new Set([...this.#labels, ...chosen])].sort();
    const list = find(this, '.labels div');
    const shown = JSON.stringify([labels, chosen]);
    if (list.dataset.shown === shown) return;
    list.dataset.shown = shown;
    render(list, labels.length ? html`${labels.map((label) => html`<label class="check">
      <input type="checkbox" name="label" value="${label}"> ${label}</label>`)}` : html`<p>${texts.filters.noLabels}</p>`);
    for (const input of list.querySelectorAll('input')) input.checked = chosen.includes(input.value);
  }

  /** @param {Filters} filters @param {boolean} any */
  #showChosen({ name, tags, labels }, any) {
    /** @param {string} what @param {string} value */
    const chip = (what, value) => html`<li><button type="button" data-what="${what}" data-value="${value}"
      aria-label="${texts.filters.without(value)}"><bdi>${value}</bdi> ×</button></li>`;
    render(find(this, '.chosen'), html`
      ${name && chip('name', name)}${tags.map((tag) => chip('tag', tag))}${labels.map((label) => chip('label', label))}
      ${any && html`<li><button type="button" data-what="all">${texts.filters.clear}</button></li>`}`);
  }
}

customElements.define('ms-filters', FiltersBar);
