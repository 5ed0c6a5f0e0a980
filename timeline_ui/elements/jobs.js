/** What the server is working at, and what it could not do. */

import { find, html, render } from '../lib/html.js';
import { jobs, JOBS_CHANGED } from '../jobs.js';
import { texts } from '../texts.js';
import { attempt } from './media-row.js';

class JobsElement extends HTMLElement {
  connectedCallback() {
    render(this, html`
      <h3>${texts.jobs.title}</h3>
      <p class="none">${texts.jobs.none}</p>
      <ul></ul>
      <p class="lost" role="status"></p>`);
    this.addEventListener('click', this);
    jobs.addEventListener(JOBS_CHANGED, this);
    this.update();
  }

  disconnectedCallback() {
    jobs.removeEventListener(JOBS_CHANGED, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === JOBS_CHANGED) {
      this.update();
      return;
    }
    const button = /** @type {Element} */ (event.target).closest('button');
    const id = button?.closest('li')?.dataset.job;
    if (!button || !id) return;
    if (button.className === 'cancel') void attempt(() => jobs.cancel(id));
    else if (button.className === 'again') void attempt(() => jobs.retry(id));
    else jobs.forget(id);
  }

  update() {
    const list = find(this, 'ul');
    const all = jobs.all;
    find(this, '.none').hidden = all.length > 0;
    find(this, '.lost').textContent = jobs.lost ? texts.jobs.lost : '';
    for (const line of [...list.children]) {
      if (!all.some(({ id }) => id === /** @type {HTMLElement} */ (line).dataset.job)) line.remove();
    }
    for (const job of all) {
      const name = job.media ?? texts.jobs.kinds[/** @type {'ingest'} */ (job.kind)] ?? job.kind;
      let line = /** @type {HTMLElement | null} */ (list.querySelector(`[data-job="${job.id}"]`));
      if (!line) {
        line = document.createElement('li');
        line.dataset.job = job.id;
        render(line, html`
          <span class="name" dir="auto" title="${name}">${name}</span>
          <span class="does" data-needs="ingest">
            <button class="cancel" aria-label="${texts.jobs.cancelOf(name)}">${texts.app.cancel}</button>
            <button class="again" aria-label="${texts.jobs.againOf(name)}">${texts.app.retry}</button>
            <button class="forget" aria-label="${texts.jobs.forgetOf(name)}">${texts.app.close}</button>
          </span>
          <progress max="1" aria-label="${texts.library.progressOf(name)}"></progress>
          <small></small>`);
        list.append(line);
      }
      const failed = job.state === 'failed';
      line.className = job.state;
      find(line, '.cancel').hidden = failed;
      find(line, '.again').hidden = find(line, '.forget').hidden = !failed;
      const progress = /** @type {HTMLProgressElement} */ (find(line, 'progress'));
      progress.hidden = failed;
      progress.value = job.progress;
      find(line, 'small').textContent = failed
        ? job.reason ?? texts.jobs.failed
        : job.state === 'queued' ? texts.jobs.queued : texts.jobs.progress(job.progress, job.eta_seconds);
    }
  }
}

customElements.define('ms-jobs', JobsElement);
