/** One file of the library: what it is, how it fares, what can be done with it. */

import { REQUEST_SEARCH, REQUEST_WATCH, tell } from '../events.js';
import { ApiError, askJson, frameUrl } from '../lib/api.js';
import { clock, size } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { showWhenSeen } from '../lib/pictures.js';
import { jobs, removeMedia } from '../jobs.js';
import { NO_FILTERS, write } from '../place.js';
import { texts } from '../texts.js';
import { askFor } from './dialog.js';

/**
 * As GET /v1/media has it.
 * @typedef {object} Media
 * @property {string} id
 * @property {string} name
 * @property {'image' | 'video' | null} media_type
 * @property {string} status
 * @property {string | null} reason
 * @property {number | null} duration_seconds
 * @property {number | null} width
 * @property {number | null} height
 * @property {number} size_bytes
 * @property {string[]} tags
 * @property {Record<string, unknown>} metadata
 */

const SEARCHABLE = ['indexed', 'partial'];
const COMING = ['pending', 'indexing'];
/** Of the original's side; a card is up to half as wide on a dense screen. */
const PICTURE_PX = 480;

export class MediaRow extends HTMLElement {
  /** @type {Media | null} */
  #media = null;
  #shown = '';

  /** @returns {Media | null} */
  get media() {
    return this.#media;
  }

  set media(media) {
    this.#media = media;
    this.update();
  }

  connectedCallback() {
    this.addEventListener('click', this);
    this.update();
  }

  /** @param {MouseEvent} event */
  handleEvent(event) {
    const target = /** @type {Element} */ (event.target).closest('[data-do]');
    const media = this.#media;
    if (!target || !media || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const does = /** @type {HTMLElement} */ (target).dataset.do;
    if (does === 'watch') {
      event.preventDefault();
      this.#request(REQUEST_WATCH, { mediaId: media.id, seconds: 0 });
    } else if (does === 'similar') this.#similar(media);
    else if (does === 'notes') void this.#notes(media);
    else if (does === 'retry') void attempt(() => jobs.retryMedia(media.id));
    else if (does === 'cancel') void attempt(() => jobs.cancel(jobs.of(media.id)?.id ?? ''));
    else if (does === 'remove') void this.#remove(media);
  }

  /** Markup is made anew only for other facts: whoever stands on a button keeps standing there. */
  update() {
    const media = this.#media;
    if (!media || !this.isConnected) return;
    const facts = JSON.stringify(media);
    if (facts !== this.#shown) {
      this.#shown = facts;
      const stood = this.contains(document.activeElement)
        ? /** @type {HTMLElement} */ (document.activeElement).dataset.do : undefined;
      this.#render(media);
      if (stood) /** @type {HTMLElement | null} */ (this.querySelector(`[data-do="${stood}"]`))?.focus();
    }
    const job = jobs.of(media.id);
    const going = job?.state === 'running' || job?.state === 'queued';
    const progress = /** @type {HTMLProgressElement} */ (find(this, 'progress'));
    progress.hidden = !going;
    progress.value = job?.progress ?? 0;
    find(this, '[data-do="cancel"]').hidden = !going;
    find(this, '[data-do="retry"]').hidden = going || SEARCHABLE.includes(media.status);
  }

  /** @param {Media} media */
  #render(media) {
    const { id, name, status, reason, tags } = media;
    const opens = media.media_type !== null && (SEARCHABLE.includes(status) || COMING.includes(status));
    const address = `/${write({
      view: 'library', question: null, filters: NO_FILTERS, watch: { mediaId: id, seconds: 0 },
    })}`;
    const picture = html`
      <img alt="" decoding="async">
      ${media.duration_seconds && html`<span class="length">${clock(media.duration_seconds)}</span>`}`;
    const about = [
      media.media_type && texts.library.types[media.media_type], media.duration_seconds && clock(media.duration_seconds),
      media.width && `${media.width} × ${media.height}`, size(media.size_bytes),
    ].filter(Boolean).join(' · ');
    render(this, html`
      ${opens
        ? html`<a class="picture" href="${address}" data-do="watch" tabindex="-1" aria-hidden="true">${picture}</a>`
        : html`<span class="picture none" aria-hidden="true"></span>`}
      <div class="said">
        <h3 class="name" dir="auto" title="${name}">
          ${opens ? html`<a href="${address}" data-do="watch">${name}</a>` : name}</h3>
        <p class="about">${about}</p>
        <p class="status ${status}">
          <span class="word">${texts.library.statuses[/** @type {'indexed'} */ (status)] ?? status}</span>
          ${reason && html`<span class="reason">${reason}</span>`}
          <progress max="1" aria-label="${texts.library.progressOf(name)}" hidden></progress>
        </p>
        ${tags.length > 0 && html`<ul class="tags" aria-label="${texts.library.tags}">
          ${tags.map((tag) => html`<li class="name" dir="auto">${tag}</li>`)}</ul>`}
      </div>
      <div class="does">
        ${SEARCHABLE.includes(status)
          && html`<button data-do="similar" aria-label="${texts.library.similarTo(name)}">${texts.library.similar}</button>`}
        <button data-do="retry" data-needs="ingest" aria-label="${texts.library.retryOf(name)}"
          hidden>${texts.app.retry}</button>
        <button data-do="cancel" data-needs="ingest" aria-label="${texts.library.cancelOf(name)}"
          hidden>${texts.app.cancel}</button>
        <button data-do="notes" data-needs="ingest"
          aria-label="${texts.library.notesOn(name)}">${texts.library.notes}</button>
        <button data-do="remove" data-needs="admin"
          aria-label="${texts.library.removeOf(name)}">${texts.library.remove}</button>
      </div>`);
    const image = this.querySelector('img');
    if (!image) return;
    // A file that cannot be shown leaves an empty picture, not a broken one.
    image.addEventListener('error', () => {
      image.parentElement?.classList.add('none');
      image.remove();
    });
    showWhenSeen(image, frameUrl(id, middle(media) / 2, PICTURE_PX));
  }

  /** @param {string} type @param {object} detail */
  #request(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }

  /** @param {Media} media */
  #similar(media) {
    const seconds = middle(media);
    this.#request(REQUEST_SEARCH, {
      mediaId: media.id, seconds, mode: 'scene',
      crumb: { name: media.name, address: '', picture: frameUrl(media.id, seconds, 160) },
    });
  }

  /** @param {Media} media */
  async #notes(media) {
    await askFor({
      title: texts.library.notesOn(media.name), yes: texts.library.save,
      body: html`
        <label>${texts.library.tagsField}
          <textarea name="tags" rows="3" dir="auto">${media.tags.join('\n')}</textarea></label>
        <label>${texts.library.metadataField}
          <textarea name="metadata" rows="4" dir="auto">${writeNotes(media.metadata)}</textarea>
          <small>${texts.library.metadataHelp}</small></label>`,
      submit: async (fields) => {
        const tags = String(fields.get('tags')).split('\n').map((tag) => tag.trim()).filter(Boolean);
        const metadata = readNotes(String(fields.get('metadata')));
        this.media = await askJson(`/media/${media.id}`, { method: 'PATCH', json: { tags, metadata } });
      },
    });
  }

  /** @param {Media} media */
  async #remove(media) {
    await askFor({
      title: texts.library.removeOf(media.name), yes: texts.library.remove, danger: true,
      body: html`<p>${texts.library.removeMeans}</p>`,
      submit: () => removeMedia(media.id),
    });
  }
}

/** What a file is about is seldom at its very start. @param {Media} media */
function middle(media) {
  return Math.round((media.duration_seconds ?? 0) * 500) / 1000;
}

/** @param {() => Promise<void>} work */
export async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(error.message, 'error', error.status === 0 ? () => void attempt(work) : undefined);
  }
}

/**
 * Metadata as lines that people can read and write: { take: 3, by: 'Ann' } -> "take: 3\nby: Ann".
 * @param {Record<string, unknown>} metadata
 */
export function writeNotes(metadata) {
  return Object.entries(metadata).map(([name, value]) => {
    const plain = typeof value === 'string' && !value.includes('\n') && value.trim() === value && parsed(value) === value;
    const said = /^[^":\n]+$/.test(name) && name.trim() === name ? name : JSON.stringify(name);
    return `${said}: ${plain ? value : JSON.stringify(value)}`;
  }).join('\n');
}

/** The inverse of writeNotes. Raises Error for a line that is none. @param {string} text */
export function readNotes(text) {
  /** @type {Record<string, unknown>} */
  const metadata = {};
  for (const line of text.split('\n').map((each) => each.trim()).filter(Boolean)) {
    const found = /^("(?:[^"\\]|\\.)*"|[^":]+?)\s*:(.*)$/.exec(line);
    if (!found) throw new Error(texts.library.badNote(line));
    const name = found[1].startsWith('"') ? String(parsed(found[1])) : found[1];
    metadata[name] = parsed(found[2].trim());
  }
  return metadata;
}

/** @param {string} text @returns {unknown} what it says as JSON, or the text itself */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

customElements.define('ms-media-row', MediaRow);
