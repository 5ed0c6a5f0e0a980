/** Work in the background as the server tells of it, and that the library has changed when some of it ends. */

import { bus, LIBRARY_CHANGED } from './events.js';
import { ask, askJson } from './lib/api.js';

/**
 * As GET /v1/jobs has it; `progress` is 0 to 1.
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {'queued' | 'running' | 'done' | 'failed' | 'cancelled'} state
 * @property {number} progress
 * @property {number | null} eta_seconds
 * @property {string | null} reason
 * @property {string | null} media_id
 * @property {string | null} media
 */

/** On `jobs`: something about one or more of them, or the line to the server, is other than before. */
export const JOBS_CHANGED = 'jobs-changed';

const AGAIN_MS = 3000;

class Jobs extends EventTarget {
  /** @type {Map<string, Job>} those that wait or run, and those that failed since somebody looked, by id */
  #known = new Map();
  /** @type {EventSource | null} */
  #source = null;
  #timer = 0;
  /** Whether the server tells us nothing at the moment; the line is opened again by itself. */
  lost = false;

  /** The oldest first. @returns {Job[]} */
  get all() {
    return [...this.#known.values()];
  }

  /** @param {string} mediaId the latest of this file */
  of(mediaId) {
    return this.all.findLast((job) => job.media_id === mediaId) ?? null;
  }

  /** Be told from now on. A browser keeps few connections to one server: only while somebody looks. */
  follow() {
    if (this.#source) return;
    clearTimeout(this.#timer);
    const source = new EventSource('/v1/jobs/events');
    this.#source = source;
    source.addEventListener('open', () => {
      // What ended while nobody listened is said by nobody.
      for (const job of this.all) if (job.state !== 'failed') this.#known.delete(job.id);
      if (this.lost) bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: {} }));
      this.lost = false;
      this.#changed();
    });
    source.addEventListener('job', (event) => this.take(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    source.addEventListener('error', () => {
      this.lost = true;
      this.#changed();
      // A line that broke the browser opens again by itself; a refusal ends it.
      if (source.readyState !== EventSource.CLOSED) return;
      this.unfollow();
      this.#timer = setTimeout(() => this.follow(), AGAIN_MS);
    });
  }

  unfollow() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** @param {Job} job as the server has just shown it */
  take(job) {
    const before = this.#known.get(job.id);
    if (job.state === 'done' || job.state === 'cancelled') this.#known.delete(job.id);
    else this.#known.set(job.id, job);
    this.#changed();
    if (before?.state !== job.state) bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: { job } }));
  }

  /** Raises ApiError. @param {string} id */
  async cancel(id) {
    this.take(await askJson(`/jobs/${id}/cancel`, { method: 'POST' }));
  }

  /** Raises ApiError. @param {string} id */
  async retry(id) {
    this.take(await askJson(`/jobs/${id}/retry`, { method: 'POST' }));
  }

  /** The last job of a file tried once more. Raises ApiError. @param {string} mediaId */
  async retryMedia(mediaId) {
    const { data } = await askJson(`/jobs?media_id=${encodeURIComponent(mediaId)}&limit=1`);
    if (data.length) await this.retry(data[0].id);
  }

  /** Do not show those that failed any longer. @param {string} id */
  forget(id) {
    this.#known.delete(id);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event(JOBS_CHANGED));
  }
}

export const jobs = new Jobs();

/** Take a file out of the library. Raises ApiError. @param {string} mediaId */
export async function removeMedia(mediaId) {
  await ask(`/media/${encodeURIComponent(mediaId)}`, { method: 'DELETE' });
  bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: { removed: mediaId } }));
}
