/** Who is logged in; asks for a key when the server wants one. */

import { bus, KEY_NEEDED, LIBRARY_CHANGED, tell } from '../events.js';
import { ApiError } from '../lib/api.js';
import { html, render } from '../lib/html.js';
import { place } from '../place.js';
import { askAgain } from '../search.js';
import * as session from '../session.js';
import { texts } from '../texts.js';
import { askFor } from './dialog.js';

class Key extends HTMLElement {
  #asking = false;

  connectedCallback() {
    this.addEventListener('click', this);
    bus.addEventListener(KEY_NEEDED, this);
    void this.look();
  }

  disconnectedCallback() {
    bus.removeEventListener(KEY_NEEDED, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === KEY_NEEDED) void this.look();
    else if (/** @type {Element} */ (event.target).closest('.out')) void this.logOut();
    else if (/** @type {Element} */ (event.target).closest('.in')) void this.ask();
  }

  /** Who are we? Whoever is not known is asked for a key. */
  async look() {
    try {
      await session.look();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'error', () => void this.look());
      return;
    }
    this.update();
    if (session.session().scope === null) await this.ask();
  }

  update() {
    const { key_needed, name, scope } = session.session();
    // While the library has no key there is nobody to be.
    if (!key_needed) this.replaceChildren();
    else if (scope === null) render(this, html`<button class="in main">${texts.key.logIn}</button>`);
    else {
      render(this, html`
        <span class="who"><bdi class="name">${name}</bdi> <small>${texts.key.may[scope]}</small></span>
        <button class="out">${texts.key.logOut}</button>`);
    }
  }

  async ask() {
    if (this.#asking) return;
    this.#asking = true;
    const given = await askFor({
      title: texts.key.title, yes: texts.key.logIn,
      body: html`
        <p>${texts.key.what}</p>
        <label>${texts.key.key}
          <input type="password" name="key" required autocomplete="current-password" autofocus></label>`,
      submit: async (fields) => {
        try {
          await session.logIn(String(fields.get('key')).trim());
        } catch (error) {
          throw error instanceof ApiError && error.status === 401 ? new Error(texts.key.wrong) : error;
        }
      },
    });
    this.#asking = false;
    this.update();
    if (!given) return;
    if (place().question) void askAgain();
    bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: {} }));
  }

  async logOut() {
    try {
      await session.logOut();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'error');
      return;
    }
    // Nothing of what was seen stays on the screen.
    location.assign('/');
  }
}

customElements.define('ms-key', Key);
