/** The list of keys: a button in the header, and "?" anywhere outside of a field. */

import { find, html, render } from '../lib/html.js';
import { texts } from '../texts.js';

class Keys extends HTMLElement {
  connectedCallback() {
    render(this, html`<button aria-haspopup="dialog" aria-label="${texts.keys.open}"
      title="${texts.keys.open}">?</button>`);
    this.addEventListener('click', this);
    document.addEventListener('keydown', this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === 'click') this.show();
    else this.#key(/** @type {KeyboardEvent} */ (event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== '?' || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/** @type {Element} */ (event.target).closest('input:not([type=checkbox], [type=range]), textarea, select, dialog')) return;
    event.preventDefault();
    this.show();
  }

  show() {
    const dialog = document.createElement('dialog');
    dialog.className = 'keys';
    dialog.setAttribute('aria-labelledby', 'keys-title');
    render(dialog, html`
      <h2 id="keys-title">${texts.keys.title}</h2>
      <div class="groups">${texts.keys.groups.map(([where, keys]) => html`
        <section><h3>${where}</h3><dl>${keys.map(([key, what]) => html`<div>
          <dt>${key.split(' ').map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl></section>`)}
      </div>
      <form method="dialog"><button>${texts.app.close}</button></form>`);
    const before = document.activeElement;
    document.body.append(dialog);
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    });
    // Keys meant for what lies behind stay here.
    dialog.addEventListener('keydown', (event) => event.stopPropagation());
    dialog.showModal();
    find(dialog, 'button').focus({ preventScroll: true });
    dialog.scrollTop = 0;
  }
}

customElements.define('ms-keys', Keys);
