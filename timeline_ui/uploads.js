/** Files on their way into the library, in pieces that are taken up again where a lost line left them. */

import { bus, LIBRARY_CHANGED } from './events.js';
import { ApiError, ask, askJson, isAbort } from './lib/api.js';
import { jobs } from './jobs.js';

/** On `uploads`: something about one of them is other than before. */
export const UPLOADS_CHANGED = 'uploads-changed';

/**
 * `waiting` for those before it; `interrupted`: goes on by itself once the server answers.
 * @typedef {object} Upload
 * @property {number} number
 * @property {string} name
 * @property {number} size in bytes
 * @property {number} sent
 * @property {'waiting' | 'sending' | 'interrupted' | 'done' | 'known' | 'failed' | 'cancelled'} state
 * @property {string} reason why it failed
 * @property {string | null} mediaId once it is in the library
 */

/** @typedef {{ shown: Upload, file: File, control: AbortController, id: string | null }} Entry */

const LEAST_BYTES = 256 << 10;
const MOST_BYTES = 16 << 20;
/** A piece takes about this long: short enough to show that something moves. */
const PIECE_MS = 700;
const LONGEST_WAIT_MS = 15000;
const ENDED = ['done', 'known', 'failed', 'cancelled'];

class Uploads extends EventTarget {
  /** @type {Entry[]} */
  #all = [];
  #count = 0;
  #pieceBytes = LEAST_BYTES;
  #busy = false;

  /** @returns {Upload[]} */
  get all() {
    return this.#all.map(({ shown }) => shown);
  }

  /** Files join the end of the line. @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      this.#count += 1;
      this.#all.push({
        shown: {
          number: this.#count, name: file.name, size: file.size, sent: 0, state: 'waiting', reason: '', mediaId: null,
        },
        file, control: new AbortController(), id: null,
      });
    }
    this.#changed();
    void this.#work();
  }

  /** @param {number} number */
  cancel(number) {
    const one = this.#all.find(({ shown }) => shown.number === number);
    if (!one || ENDED.includes(one.shown.state)) return;
    one.control.abort();
    forget(one.file);
    this.#set(one, { state: 'cancelled' });
    // Whether it was there at all does not matter any more; the server removes what nobody goes on with.
    if (one.id) ask(`/uploads/${one.id}`, { method: 'DELETE' }).catch(() => {});
  }

  /** Once more, from where it got to. @param {number} number */
  retry(number) {
    const one = this.#all.find(({ shown }) => shown.number === number);
    if (!one || one.shown.state !== 'failed') return;
    one.control = new AbortController();
    this.#set(one, { state: 'waiting', reason: '' });
    void this.#work();
  }

  /** Those that have ended are shown no longer. */
  clear() {
    this.#all = this.#all.filter(({ shown }) => !ENDED.includes(shown.state));
    this.#changed();
  }

  /** Whether some would be lost if the page were closed. */
  get going() {
    return this.all.some(({ state }) => !ENDED.includes(state));
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    for (let one; (one = this.#all.find(({ shown }) => shown.state === 'waiting'));) {
      try {
        await this.#send(one);
      } catch (error) {
        if (isAbort(error) || one.control.signal.aborted) continue;
        forget(one.file);
        one.id = null;
        const reason = error instanceof Error ? error.message : String(error);
        this.#set(one, { state: 'failed', reason });
      }
    }
    this.#busy = false;
  }

  /** @param {Entry} one */
  async #send(one) {
    const { file, control: { signal } } = one;
    this.#set(one, { state: 'sending' });
    let tries = 0;
    for (;;) {
      try {
        if (!one.id) await this.#begin(one, signal);
        const added = await this.#piece(one, signal);
        tries = 0;
        if (!added) continue;
        forget(file);
        if (added.job) jobs.take(added.job);
        this.#set(one, { state: added.known ? 'known' : 'done', sent: file.size, mediaId: added.media.id });
        bus.dispatchEvent(new CustomEvent(LIBRARY_CHANGED, { detail: { added: added.media } }));
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 404 && one.id) {
          // The server has given it up meanwhile: from the beginning.
          forget(file);
          one.id = null;
          if ((tries += 1) > 3) throw error;
          continue;
        }
        const mayPass = [0, 401, 409, 429, 502, 503, 504].includes(error.status);
        if (!mayPass) throw error;
        this.#set(one, { state: 'interrupted' });
        this.#pieceBytes = LEAST_BYTES;
        await pause(Math.min(LONGEST_WAIT_MS, 500 * 2 ** tries), signal);
        tries += 1;
        await this.#whereItIs(one, signal);
      }
    }
  }

  /** @param {Entry} one @param {AbortSignal} signal */
  async #begin(one, signal) {
    const { file } = one;
    one.id = recall(file);
    if (one.id) {
      await this.#whereItIs(one, signal);
      if (one.id) return;
    }
    const begun = await askJson('/uploads', { json: { name: file.name, size_bytes: file.size }, signal });
    one.id = String(begun.id);
    remember(file, one.id);
    this.#set(one, { sent: begun.offset, state: 'sending' });
  }

  /**
   * Sets `id` to null when the server knows nothing of it any more.
   * @param {Entry} one
   * @param {AbortSignal} signal
   */
  async #whereItIs(one, signal) {
    if (!one.id) return;
    try {
      const { offset } = await askJson(`/uploads/${one.id}`, { signal });
      this.#set(one, { sent: offset, state: 'sending' });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) {
        if (error instanceof ApiError && error.status === 0) return;
        throw error;
      }
      forget(one.file);
      one.id = null;
      this.#set(one, { sent: 0 });
    }
  }

  /**
   * The next piece; what has become of the file with the last one.
   * @param {Entry} one
   * @param {AbortSignal} signal
   */
  async #piece(one, signal) {
    const { shown: { sent }, file } = one;
    const began = performance.now();
    const body = file.slice(sent, sent + this.#pieceBytes);
    const now = await askJson(`/uploads/${one.id}?offset=${sent}`, { method: 'PATCH', body, signal });
    const factor = Math.min(2, Math.max(0.5, PIECE_MS / (performance.now() - began)));
    this.#pieceBytes = Math.round(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, this.#pieceBytes * factor)));
    this.#set(one, { sent: now.offset, state: 'sending' });
    return now.added;
  }

  /** @param {Entry} one @param {Partial<Upload>} change */
  #set(one, change) {
    if (one.control.signal.aborted && change.state !== 'cancelled') return;
    one.shown = { ...one.shown, ...change };
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event(UPLOADS_CHANGED));
  }
}

export const uploads = new Uploads();

addEventListener('beforeunload', (event) => {
  if (uploads.going) event.preventDefault();
});

/** The same file chosen again after the page was closed goes on where it was. @param {File} file */
function nameOf(file) {
  return `momentseek.upload ${file.size} ${file.lastModified} ${file.name}`;
}

/** @param {File} file */
function recall(file) {
  return localStorage.getItem(nameOf(file));
}

/** @param {File} file @param {string} id */
function remember(file, id) {
  localStorage.setItem(nameOf(file), id);
}

/** @param {File} file */
function forget(file) {
  localStorage.removeItem(nameOf(file));
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(signal.reason);
    setTimeout(() => {
      signal.removeEventListener('abort', stopped);
      resolve();
    }, ms);
    signal.addEventListener('abort', stopped, { once: true });
  });
}
