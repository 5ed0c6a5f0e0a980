/** The chain of questions that led here, each a way back. */

import { bus, PLACE_CHANGED } from '../events.js';
import { html, render } from '../lib/html.js';
import { crumbs, go, read } from '../place.js';
import { texts } from '../texts.js';

class Crumbs extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', this);
    bus.addEventListener(PLACE_CHANGED, this);
    this.update();
  }

  disconnectedCallback() {
    bus.removeEventListener(PLACE_CHANGED, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === PLACE_CHANGED) this.update();
    else this.#goBack(/** @type {MouseEvent} */ (event));
  }

  update() {
    const chain = crumbs();
    this.hidden = chain.length < 2;
    render(this, html`<nav aria-label="${texts.crumbs.name}"><ol>${chain.map(({ name, address, picture }, index) => {
      const shown = html`${picture && html`<img src="${picture}" alt="" width="24" height="24">`}
        <span class="name">${name}</span>`;
      return index === chain.length - 1
        ? html`<li><span aria-current="page">${shown}</span></li>`
        : html`<li><a href="${address}" data-index="${index}">${shown}</a></li>`;
    })}</ol></nav>`);
  }

  /** @param {MouseEvent} event */
  #goBack(event) {
    const link = /** @type {Element} */ (event.target).closest('a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(read(link.search), { crumbs: crumbs().slice(0, Number(link.dataset.index) + 1) });
  }
}

customElements.define('ms-crumbs', Crumbs);
