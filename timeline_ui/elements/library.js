/** What is in the library, and the way into it. */

import { bus, LIBRARY_CHANGED, PLACE_CHANGED } from '../events.js';
import { ApiError, askJson, isAbort } from '../lib/api.js';
import { count } from '../lib/format.js';
import { lookAtFacts } from '../facts.js';
import { find, html, render } from '../lib/html.js';
import { jobs, JOBS_CHANGED } from '../jobs.js';
import { place } from '../place.js';
import { texts } from '../texts.js';
import { uploads } from '../uploads.js';
import './jobs.js';
import { MediaRow } from './media-row.js';
import './upload.js';

const PAGE = 60;
/** The API's own limit. */
const MOST_AT_ONCE = 500;
const TYPING_MS = 250;
const LAYOUT = 'momentseek.library-layout';

class Library extends HTMLElement {
  /** @type {import('./media-row.js').Media[]} */
  #media = [];
  /** @type {string | null} */
  #next = null;
  #running = new AbortController();
  #end = new IntersectionObserver(([seen]) => {
    if (seen.isIntersecting && this.#next) void this.#load(this.#next);
  }, { rootMargin: '400px' });
  #timer = 0;
  #started = false;

  connectedCallback() {
    bus.addEventListener(PLACE_CHANGED, this);
    bus.addEventListener(LIBRARY_CHANGED, this);
    jobs.addEventListener(JOBS_CHANGED, this);
    for (const type of ['click', 'input', 'change', 'submit', 'dragover', 'dragleave', 'drop']) {
      this.addEventListener(type, this);
    }
    this.update();
  }

  disconnectedCallback() {
    bus.removeEventListener(PLACE_CHANGED, this);
    bus.removeEventListener(LIBRARY_CHANGED, this);
    jobs.removeEventListener(JOBS_CHANGED, this);
    jobs.unfollow();
  }

  /** @param {Event} event */
  handleEvent(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.type === PLACE_CHANGED) this.update();
    else if (event.type === LIBRARY_CHANGED) this.#soon();
    else if (event.type === JOBS_CHANGED) this.#rows().forEach((row) => row.update());
    else if (event.type.startsWith('drag') || event.type === 'drop') this.#drag(/** @type {DragEvent} */ (event));
    else if (!target.closest('.filters, .after')) return;
    else if (event.type === 'submit') event.preventDefault();
    else if (event.type === 'click') this.#click(target);
    else this.#soon();
  }

  update() {
    if (place().view !== 'library') {
      jobs.unfollow();
      return;
    }
    jobs.follow();
    if (this.#started) return;
    this.#started = true;
    this.#frame();
    void this.#load();
  }

  #frame() {
    const { types, statuses } = texts.library;
    render(this, html`
      <div class="head">
        <h2>${texts.app.library}</h2>
        <p class="facts"></p>
      </div>
      <aside aria-label="${texts.library.add}">
        <ms-upload data-needs="ingest"></ms-upload>
        <ms-jobs></ms-jobs>
      </aside>
      <div class="shelf">
        <form class="filters" role="search" aria-label="${texts.library.filters}">
          <label class="wide"><span class="visually-hidden">${texts.library.name}</span>
            <input type="search" name="name_contains" maxlength="255" dir="auto" placeholder="${texts.library.name}"></label>
          <label><span class="visually-hidden">${texts.library.tag}</span>
            <input type="search" name="tag" maxlength="100" dir="auto" placeholder="${texts.library.tag}"></label>
          <label><span class="visually-hidden">${texts.library.type}</span>
            <select name="media_type"><option value="">${texts.library.anyType}</option>
              ${Object.entries(types).map(([value, name]) => html`<option value="${value}">${name}</option>`)}</select></label>
          <label><span class="visually-hidden">${texts.library.status}</span>
            <select name="status"><option value="">${texts.library.anyStatus}</option>
              ${Object.entries(statuses).map(([value, name]) => html`<option value="${value}">${name}</option>`)}</select></label>
          <span class="layout" role="group" aria-label="${texts.library.layout}">
            <button type="button" data-layout="grid">${texts.library.grid}</button>
            <button type="button" data-layout="list">${texts.library.list}</button>
          </span>
        </form>
        <p class="found" role="status"></p>
        <ul class="media"></ul>
        <div class="after"></div>
      </div>`);
    this.#setLayout(localStorage.getItem(LAYOUT) === 'list' ? 'list' : 'grid');
  }

  /** @param {Element} target */
  #click(target) {
    const layout = /** @type {HTMLElement | null} */ (target.closest('[data-layout]'));
    if (layout) this.#setLayout(layout.dataset.layout === 'list' ? 'list' : 'grid');
    else if (target.closest('.again')) void this.#load();
    else if (target.closest('.more')) void this.#load(this.#next);
  }

  /** @param {'grid' | 'list'} layout */
  #setLayout(layout) {
    localStorage.setItem(LAYOUT, layout);
    find(this, 'ul.media').className = `media ${layout}`;
    for (const button of this.querySelectorAll('[data-layout]')) {
      button.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (button).dataset.layout === layout));
    }
  }

  /** Files dropped anywhere on the library are uploaded. @param {DragEvent} event */
  #drag(event) {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.stopPropagation();
    this.classList.toggle('over', event.type === 'dragover');
    if (event.type === 'drop') uploads.add(event.dataTransfer.files);
  }

  /** Look again, once for many changes. */
  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#started) void this.#load();
    }, TYPING_MS);
  }

  /** The first page, as long as what is shown; or the page of `token`, behind what is shown. @param {string | null} [token] */
  async #load(token = null) {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(/** @type {HTMLFormElement} */ (find(this, '.filters')))) {
      if (String(value).trim()) asked.set(name, String(value).trim());
    }
    const filtered = asked.size > 0;
    asked.set('limit', String(token ? PAGE : Math.min(MOST_AT_ONCE, Math.max(PAGE, this.#media.length))));
    if (token) asked.set('page_token', token);
    this.setAttribute('aria-busy', 'true');
    try {
      const page = await askJson(`/media?${asked}`, { signal });
      this.#media = token ? [...this.#media, ...page.data] : page.data;
      this.#next = page.next_page_token;
      this.#show(filtered);
      if (!token) void this.#facts(signal);
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof ApiError)) throw error;
      find(this, '.found').textContent = error.message;
      render(find(this, '.after'), html`<button class="again">${texts.app.retry}</button>`);
    } finally {
      if (!signal.aborted) this.removeAttribute('aria-busy');
    }
  }

  /** What the library is as a whole. @param {AbortSignal} signal */
  async #facts(signal) {
    try {
      find(this, '.facts').textContent = texts.library.facts(await lookAtFacts(signal));
    } catch (error) {
      if (!isAbort(error) && !(error instanceof ApiError)) throw error;
    }
  }

  /** @returns {MediaRow[]} */
  #rows() {
    return [...this.querySelectorAll('ms-media-row')].filter((row) => row instanceof MediaRow);
  }

  /** Rows stay those of their files: what is loaded, or stood on, stays so. @param {boolean} filtered */
  #show(filtered) {
    const list = find(this, 'ul.media');
    const known = new Map(this.#rows().map((row) => [row.media?.id, row]));
    const lines = this.#media.map((media) => {
      const row = known.get(media.id) ?? new MediaRow();
      row.media = media;
      if (row.parentElement) return row.parentElement;
      const line = document.createElement('li');
      line.append(row);
      return line;
    });
    for (const line of [...list.children]) if (!lines.includes(/** @type {HTMLElement} */ (line))) line.remove();
    lines.forEach((line, index) => {
      if (list.children[index] !== line) list.insertBefore(line, list.children[index] ?? null);
    });
    const number = this.#media.length;
    find(this, '.found').textContent = number
      ? `${count(number, 'file')}${this.#next ? texts.library.andMore : ''}`
      : filtered ? texts.library.noneSuch : texts.library.empty;
    const after = find(this, '.after');
    if (this.#next) render(after, html`<button class="more">${texts.library.more}</button>`);
    else after.replaceChildren();
    // Watched anew: it says so again when the end is still to be seen.
    this.#end.unobserve(after);
    this.#end.observe(after);
  }
}

customElements.define('ms-library', Library);
