/** Whose faces are in the library. */

import { bus, LIBRARY_CHANGED, PLACE_CHANGED, tell } from '../events.js';
import { ApiError, askJson, isAbort } from '../lib/api.js';
import { find, html, render } from '../lib/html.js';
import { place } from '../place.js';
import { texts } from '../texts.js';
import { attempt } from './media-row.js';
import { PEOPLE_CHANGED, Person, PERSON_CHOSEN, weight } from './person.js';

const PAGE = 60;
const MOST_AT_ONCE = 500;
const SOON_MS = 250;
/** Between two looks at a grouping that goes on. */
const LOOK_AGAIN_MS = 1000;

class People extends HTMLElement {
  /** @type {import('./person.js').Somebody[]} */
  #people = [];
  /** @type {string | null} */
  #next = null;
  #running = new AbortController();
  #soonTimer = 0;
  #lookTimer = 0;
  #started = false;

  connectedCallback() {
    bus.addEventListener(PLACE_CHANGED, this);
    bus.addEventListener(LIBRARY_CHANGED, this);
    for (const type of ['click', 'input', 'submit', PEOPLE_CHANGED, PERSON_CHOSEN]) this.addEventListener(type, this);
    this.update();
  }

  disconnectedCallback() {
    bus.removeEventListener(PLACE_CHANGED, this);
    bus.removeEventListener(LIBRARY_CHANGED, this);
    clearTimeout(this.#lookTimer);
  }

  /** @param {Event} event */
  handleEvent(event) {
    const target = event.target instanceof Element ? event.target : this;
    if (event.type === PLACE_CHANGED) this.update();
    else if (event.type === LIBRARY_CHANGED || event.type === PEOPLE_CHANGED) this.#soon();
    else if (event.type === PERSON_CHOSEN) this.#choosing();
    else if (event.type === 'submit') event.preventDefault();
    else if (event.type === 'input') {
      if (target.closest('.filters')) this.#soon();
    } else if (target.closest('[data-do="group"]')) void this.#group();
    else if (target.closest('[data-do="merge"]')) void attempt(() => this.#merge());
    else if (target.closest('.again')) void this.#load();
    else if (target.closest('.more')) void this.#load(this.#next);
  }

  update() {
    const here = place().view === 'people';
    if (!here) clearTimeout(this.#lookTimer);
    if (!here || this.#started) {
      if (here) this.#soon();
      return;
    }
    this.#started = true;
    render(this, html`
      <div class="head">
        <h2>${texts.app.people}</h2>
        <form class="filters" role="search">
          <input type="search" name="name_contains" maxlength="100" dir="auto" placeholder="${texts.people.find}"
            aria-label="${texts.people.find}">
        </form>
        <button data-do="group" data-needs="ingest">${texts.people.group}</button>
        <button class="main" data-do="merge" data-needs="ingest" disabled>${texts.people.merge(0)}</button>
      </div>
      <p class="grouping"><progress max="1" aria-label="${texts.people.grouping}" hidden></progress> <span role="status"></span></p>
      <ul class="persons"></ul>
      <div class="after"></div>`);
    void this.#load();
  }

  #soon() {
    clearTimeout(this.#soonTimer);
    this.#soonTimer = setTimeout(() => {
      if (this.#started && place().view === 'people') void this.#load();
    }, SOON_MS);
  }

  /** The first page, as long as what is shown, or the page of `token` behind it. @param {string | null} [token] */
  async #load(token = null) {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    const asked = new URLSearchParams();
    const name = String(new FormData(/** @type {HTMLFormElement} */ (find(this, '.filters'))).get('name_contains')).trim();
    if (name) asked.set('name_contains', name);
    asked.set('limit', String(token ? PAGE : Math.min(MOST_AT_ONCE, Math.max(PAGE, this.#people.length))));
    if (token) asked.set('page_token', token);
    try {
      const page = await askJson(`/people?${asked}`, { signal });
      this.#people = token ? [...this.#people, ...page.data] : page.data;
      this.#next = page.next_page_token;
      this.#show(name !== '');
      this.#say(page.grouping);
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof ApiError)) throw error;
      find(this, '.grouping span').textContent = error.message;
      render(find(this, '.after'), html`<button class="again">${texts.app.retry}</button>`);
    }
  }

  /** @param {boolean} filtered */
  #show(filtered) {
    const list = find(this, '.persons');
    /** @type {Map<string | undefined, Person>} */
    const known = new Map(this.#cards().map((card) => [card.person?.id, card]));
    const lines = this.#people.map((person) => {
      const card = known.get(person.id) ?? new Person();
      card.person = person;
      if (card.parentElement) return card.parentElement;
      const line = document.createElement('li');
      line.append(card);
      return line;
    });
    for (const line of [...list.children]) if (!lines.includes(/** @type {HTMLElement} */ (line))) line.remove();
    lines.forEach((line, index) => {
      if (list.children[index] !== line) list.insertBefore(line, list.children[index] ?? null);
    });
    const after = find(this, '.after');
    if (this.#next) render(after, html`<button class="more">${texts.library.more}</button>`);
    else if (!lines.length) render(after, html`<p>${filtered ? texts.people.noneSuch : texts.people.none}</p>`);
    else after.replaceChildren();
    this.#choosing();
  }

  /** @returns {Person[]} */
  #cards() {
    return [...this.querySelectorAll('ms-person')].filter((card) => card instanceof Person);
  }

  #choosing() {
    const chosen = this.#cards().filter((card) => card.chosen).length;
    const button = /** @type {HTMLButtonElement} */ (find(this, '[data-do="merge"]'));
    button.disabled = chosen < 2;
    button.textContent = texts.people.merge(chosen);
  }

  /** Into who has a name, or else most faces. */
  async #merge() {
    const people = this.#cards().filter((card) => card.chosen).map((card) => card.person).filter((one) => one !== null);
    const [kept, ...others] = people.sort((one, other) => weight(other) - weight(one));
    const merged = await askJson(`/people/${kept.id}/merge`, { json: { others: others.map(({ id }) => id) } });
    for (const box of this.querySelectorAll('[name="chosen"]')) /** @type {HTMLInputElement} */ (box).checked = false;
    tell(texts.people.merged(people.length, merged.name));
    await this.#load();
  }

  async #group() {
    await attempt(async () => this.#say(await askJson('/people/group', { json: { again: true } })));
  }

  /** @param {{ state: 'running' | 'idle', progress: number, message: string | null }} grouping */
  #say(grouping) {
    const running = grouping.state === 'running';
    const progress = /** @type {HTMLProgressElement} */ (find(this, '.grouping progress'));
    const before = !progress.hidden;
    progress.hidden = !running;
    progress.value = grouping.progress;
    find(this, '.grouping span').textContent = running ? texts.people.grouping : grouping.message ?? '';
    /** @type {HTMLButtonElement} */ (find(this, '[data-do="group"]')).disabled = running;
    clearTimeout(this.#lookTimer);
    if (running) this.#lookTimer = setTimeout(() => void this.#look(), LOOK_AGAIN_MS);
    else if (before) this.#soon();
  }

  async #look() {
    if (place().view !== 'people') return;
    await attempt(async () => this.#say(await askJson('/people/group')));
  }
}

customElements.define('ms-people', People);
