/** A question that must be answered before anything else: the browser's own dialog keeps the focus, Esc closes it. */

import { find, html, render } from '../lib/html.js';
import { texts } from '../texts.js';

/**
 * What was filled in, or null when it was not confirmed. `submit` may refuse by raising: its message is shown, the
 * dialog stays.
 * @param {object} asked
 * @param {string} asked.title
 * @param {unknown} asked.body html`` of the fields
 * @param {string} asked.yes what the button that confirms is called
 * @param {boolean} [asked.danger] what cannot be undone
 * @param {(fields: FormData) => Promise<void> | void} [asked.submit]
 * @returns {Promise<FormData | null>}
 */
export function askFor({ title, body, yes, danger = false, submit }) {
  const dialog = document.createElement('dialog');
  dialog.className = 'ask-for';
  dialog.setAttribute('aria-labelledby', 'ask-for-title');
  render(dialog, html`
    <form>
      <h2 id="ask-for-title">${title}</h2>
      ${body}
      <p class="wrong" role="alert"></p>
      <p class="choices">
        <button type="button" class="no">${texts.app.cancel}</button>
        <button class="${danger ? 'danger' : 'main'}">${yes}</button>
      </p>
    </form>`);
  const form = /** @type {HTMLFormElement} */ (find(dialog, 'form'));
  /** @type {FormData | null} */
  let filled = null;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (find(form, '.choices button:last-child'));
    const fields = new FormData(form);
    button.disabled = true;
    find(form, '.wrong').textContent = '';
    try {
      await submit?.(fields);
      filled = fields;
      dialog.close();
    } catch (error) {
      find(form, '.wrong').textContent = error instanceof Error ? error.message : String(error);
    } finally {
      button.disabled = false;
    }
  });
  find(form, '.no').addEventListener('click', () => dialog.close());
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(filled);
    });
  });
}
