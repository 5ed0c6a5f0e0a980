/** The frame of the page: where one can go, what is open, what there is to tell. */

import { bus, PLACE_CHANGED, REQUEST_SEARCH, REQUEST_WATCH, SESSION_CHANGED, TOLD } from '../events.js';
import { lookAtFacts } from '../facts.js';
import { ApiError } from '../lib/api.js';
import { find, html, render } from '../lib/html.js';
import { crumbs, go, NO_QUESTION, place } from '../place.js';
import { allows } from '../session.js';
import { texts } from '../texts.js';

const VIEWS = /** @type {const} */ (['search', 'library', 'people']);

class App extends HTMLElement {
  connectedCallback() {
    render(this, html`
      <a class="skip button" href="#main">${texts.app.skip}</a>
      <header>
        <h1><a href="/">${texts.app.name}</a></h1>
        <nav aria-label="Views">
          ${VIEWS.map((view) => html`<a href="/?view=${view}" data-view="${view}"
            data-wants="${view === 'people' && 'faces'}">${texts.app[view]}</a>`)}
        </nav>
        <ms-keys></ms-keys>
        <ms-key></ms-key>
      </header>
      <main id="main" tabindex="-1">
        <section data-view="search">
          <ms-ask></ms-ask>
          <ms-results></ms-results>
        </section>
        <section data-view="library" hidden><ms-library></ms-library></section>
        <section data-view="people" hidden><ms-people></ms-people></section>
      </main>
      <ms-viewer hidden></ms-viewer>
      <ms-selection></ms-selection>
      <div class="told" role="status" aria-live="polite"></div>
    `);
    for (const name of ['click', REQUEST_SEARCH, REQUEST_WATCH]) this.addEventListener(name, this);
    bus.addEventListener(PLACE_CHANGED, this);
    bus.addEventListener(TOLD, this);
    bus.addEventListener(SESSION_CHANGED, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    const detail = /** @type {CustomEvent} */ (event).detail;
    if (event.type === PLACE_CHANGED) this.update();
    else if (event.type === TOLD) this.tell(detail);
    else if (event.type === SESSION_CHANGED) void this.learn();
    else if (event.type === REQUEST_WATCH) go({ watch: detail });
    else if (event.type === REQUEST_SEARCH) this.ask(detail);
    else this.open(/** @type {MouseEvent} */ (event));
  }

  update() {
    const { view, watch } = place();
    for (const section of this.querySelectorAll('section[data-view]')) {
      /** @type {HTMLElement} */ (section).hidden = /** @type {HTMLElement} */ (section).dataset.view !== view;
    }
    for (const link of this.querySelectorAll('nav a')) {
      const current = /** @type {HTMLElement} */ (link).dataset.view === view;
      if (current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    find(this, 'ms-viewer').hidden = watch === null;
  }

  /** What this server offers is not known before it lets us in. */
  async learn() {
    if (!allows('read')) return;
    try {
      await lookAtFacts();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** @param {{ crumb: import('../place.js').Crumb } & Partial<import('../place.js').Question>} detail */
  ask({ crumb, ...question }) {
    const next = { view: /** @type {const} */ ('search'), question: { ...NO_QUESTION, ...question }, watch: null };
    go(next, { crumbs: crumb ? [...crumbs(), { ...crumb, address: '' }] : [] });
    // What was pressed may be gone; whoever goes by keys goes on at the answer.
    find(this, '#main').focus({ preventScroll: true });
  }

  /** Links to views are followed without loading the page anew. @param {MouseEvent} event */
  open(event) {
    const link = /** @type {Element} */ (event.target).closest('nav a[data-view]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const view = /** @type {typeof VIEWS[number]} */ (/** @type {HTMLElement} */ (link).dataset.view);
    go({ view, watch: null });
  }

  /** @param {{ text: string, kind: string, retry?: () => void }} said */
  tell({ text, kind, retry }) {
    const line = document.createElement('p');
    line.className = kind;
    render(line, html`<span>${text}</span>
      ${retry && html`<button class="retry">${texts.app.retry}</button>`}
      <button class="close" aria-label="${texts.app.close}">×</button>`);
    line.addEventListener('click', (event) => {
      const button = /** @type {Element} */ (event.target).closest('button');
      if (!button) return;
      line.remove();
      if (button.className === 'retry') retry?.();
    });
    find(this, '.told').append(line);
    if (kind !== 'error') setTimeout(() => line.remove(), 6000);
  }
}

customElements.define('ms-app', App);
