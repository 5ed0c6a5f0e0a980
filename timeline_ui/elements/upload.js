/** Files into the library: dropped, chosen, or named by their path on the server. */

import { askJson } from '../lib/api.js';
import { size } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { bus, LIBRARY_CHANGED, tell } from '../events.js';
import { jobs } from '../jobs.js';
import { texts } from '../texts.js';
import { uploads, UPLOADS_CHANGED } from '../uploads.js';
import { attempt } from './media-row.js';

class UploadElement extends HTMLElement {
  connectedCallback() {
    render(this, html`
      <div class="zone">
        <p>${texts.upload.drop}</p>
        <label class="button">${texts.upload.choose}
          <input class="visually-hidden" type="file" multiple accept="video/*,image/*,.mkv,.mts,.heic,.heif,.avif"></label>
      </div>
      <details data-wants="paths">
        <summary>${texts.upload.byPath}</summary>
        <form>
          <label>${texts.upload.path} <input type="text" name="path" required maxlength="4096" dir="auto"
            placeholder="/films/holiday.mp4" spellcheck="false" autocomplete="off"></label>
          <button>${texts.upload.add}</button>
        </form>
      </details>
      <ul class="going"></ul>
      <button class="clear" hidden>${texts.upload.clear}</button>
      <p class="visually-hidden" role="status"></p>`);
    for (const type of ['change', 'click', 'submit']) this.addEventListener(type, this);
    uploads.addEventListener(UPLOADS_CHANGED, this);
    this.update();
  }

  disconnectedCallback() {
    uploads.removeEventListener(UPLOADS_CHANGED, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === UPLOADS_CHANGED) this.update();
    else if (event.type === 'change') {
      const input = /** @type {HTMLInputElement} */ (event.target);
      if (input.type !== 'file' || !input.files) return;
      uploads.add(input.files);
      // The same file may be chosen once more.
      input.value = '';
    } else if (event.type === 'submit') {
      event.preventDefault();
      void this.#register(/** @type {HTMLFormElement} */ (event.target));
    } else this.#click(/** @type {Element} */ (event.target));
  }

  /** @param {Element} target */
  #click(target) {
    if (target.closest('.clear')) uploads.clear();
    const line = /** @type {HTMLElement | null} */ (target.closest('li'));
    const number = Number(line?.dataset.number);
    if (target.closest('.cancel')) uploads.cancel(number);
    else if (target.closest('.again')) uploads.retry(number);
  }

  /** @param {HTMLFormElement} form */
  async #register(form) {
    await attempt(async () => {
      const path = String(new FormData(form).get('path')).trim();
      const added = await askJson('/media/register', { json: { path } });
      if (added.job) jobs.take(added.job);
      tell(added.known ? texts.upload.known(added.media.name) : texts.upload.added(added.media.name));
      form.reset();
      bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: { added: added.media } }));
    });
  }

  /** Lines stay the elements they are, so that the focus stays where it is. */
  update() {
    const list = find(this, '.going');
    const all = uploads.all;
    for (const line of [...list.children]) {
      if (!all.some(({ number }) => String(number) === /** @type {HTMLElement} */ (line).dataset.number)) line.remove();
    }
    for (const one of all) {
      let line = /** @type {HTMLElement | null} */ (list.querySelector(`[data-number="${one.number}"]`));
      if (!line) {
        line = document.createElement('li');
        line.dataset.number = String(one.number);
        render(line, html`
          <span class="name" dir="auto" title="${one.name}">${one.name}</span>
          <button class="cancel" aria-label="${texts.upload.cancelOf(one.name)}">${texts.app.cancel}</button>
          <button class="again" aria-label="${texts.upload.againOf(one.name)}" hidden>${texts.app.retry}</button>
          <progress max="1" aria-label="${texts.upload.progressOf(one.name)}"></progress>
          <small></small>`);
        list.append(line);
      }
      const going = ['waiting', 'sending', 'interrupted'].includes(one.state);
      const progress = /** @type {HTMLProgressElement} */ (find(line, 'progress'));
      progress.value = one.size ? one.sent / one.size : 0;
      progress.hidden = !going;
      find(line, '.cancel').hidden = !going;
      find(line, '.again').hidden = one.state !== 'failed';
      line.className = one.state;
      const state = texts.upload.states[one.state];
      find(line, 'small').textContent = one.state === 'sending' || one.state === 'interrupted'
        ? `${state}, ${texts.upload.sent(size(one.sent), size(one.size))}` : one.reason || state;
    }
    find(this, '.clear').hidden = !all.some(({ state }) => ['done', 'known', 'failed', 'cancelled'].includes(state));
    const going = all.filter(({ state }) => ['waiting', 'sending', 'interrupted'].includes(state));
    const said = find(this, '[role="status"]');
    const text = all.length ? texts.upload.going(going.length) : '';
    if (said.textContent !== text) said.textContent = text;
  }
}

customElements.define('ms-upload', UploadElement);
