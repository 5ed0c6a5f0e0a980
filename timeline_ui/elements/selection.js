/** What can be done with matches: mark them, play them, take them away. */

import { ANSWER_CHANGED, bus, PLACE_CHANGED, PLAY_ALL, SELECTION_CHANGED, tell } from '../events.js';
import { ApiError, isAbort } from '../lib/api.js';
import { copyText, download } from '../lib/download.js';
import { clock, size } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { place } from '../place.js';
import { answer } from '../search.js';
import { clear, isMarked, mark, marked } from '../selection.js';
import { texts } from '../texts.js';

const CLIPS = /** @type {const} */ (['exact', 'copy', 'reel']);
const LISTS = /** @type {const} */ (['csv', 'json', 'srt', 'vtt']);
const EDITING = /** @type {const} */ (['edl', 'fcpxml', 'fcp7', 'otio']);
/** @typedef {typeof CLIPS[number] | typeof LISTS[number] | typeof EDITING[number]} Export */

class Selection extends HTMLElement {
  /** @type {AbortController | null} */
  #exporting = null;

  connectedCallback() {
    const { groups, kinds } = texts.selection;
    /** @param {string} name @param {readonly Export[]} values */
    const group = (name, values) => html`<optgroup label="${name}">
      ${values.map((value) => html`<option value="${value}">${kinds[value]}</option>`)}</optgroup>`;
    render(this, html`
      <section aria-label="${texts.selection.region}">
        <p class="count" role="status"></p>
        <div class="marks">
          <button data-do="all">${texts.selection.all}</button>
          <button data-do="none">${texts.selection.none}</button>
        </div>
        <div class="uses">
          <button data-do="play" title="${texts.selection.playLong}">${texts.selection.play}</button>
          <button data-do="link" title="${texts.selection.linkLong}">${texts.selection.link}</button>
        </div>
        <form>
          <select name="as" aria-label="${texts.selection.as}">
            ${group(groups.clips, CLIPS)}${group(groups.lists, LISTS)}${group(groups.editing, EDITING)}
          </select>
          <button class="main">${texts.selection.export}</button>
        </form>
        <div class="making" hidden>
          <progress aria-labelledby="making-what"></progress>
          <span id="making-what"></span>
          <button data-do="cancel">${texts.app.cancel}</button>
        </div>
      </section>`);
    this.addEventListener('click', this);
    this.addEventListener('submit', this);
    for (const type of [ANSWER_CHANGED, SELECTION_CHANGED, PLACE_CHANGED]) bus.addEventListener(type, this);
    this.update();
  }

  disconnectedCallback() {
    for (const type of [ANSWER_CHANGED, SELECTION_CHANGED, PLACE_CHANGED]) bus.removeEventListener(type, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === 'submit') {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      void this.#export(/** @type {Export} */ (String(new FormData(form).get('as'))));
    } else if (event.type === 'click') {
      this.#click(/** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-do]'))?.dataset.do);
    } else this.update();
  }

  /** @param {string | undefined} does */
  #click(does) {
    if (does === 'all') mark(shown(), true);
    else if (does === 'none') clear();
    else if (does === 'play') this.#play();
    else if (does === 'link') void copyLink();
    else if (does === 'cancel') this.#exporting?.abort();
  }

  update() {
    const some = shown(), chosen = marked();
    const { view, watch } = place();
    this.hidden = watch !== null || (!chosen.length && !(view === 'search' && some.length)) && !this.#exporting;
    const length = chosen.reduce((sum, one) => sum + one.end_seconds - one.start_seconds, 0);
    const text = chosen.length ? texts.selection.marked(chosen.length, clock(length)) : texts.selection.shown(some.length);
    const count = find(this, '.count');
    if (count.textContent !== text) count.textContent = text;
    find(this, '[data-do="all"]').hidden = view !== 'search' || some.every(isMarked);
    find(this, '[data-do="none"]').hidden = !chosen.length;
    find(this, 'form').hidden = !chosen.length || this.#exporting !== null;
    find(this, '.making').hidden = this.#exporting === null;
  }

  /** Those that are marked, or else all that are shown. */
  #play() {
    const chosen = marked();
    bus.dispatchEvent(new CustomEvent(PLAY_ALL, { detail: { segments: chosen.length ? chosen : shown() } }));
  }

  /** @param {Export} kind */
  async #export(kind) {
    const segments = marked();
    const control = new AbortController();
    const progress = /** @type {HTMLProgressElement} */ (find(this, 'progress'));
    const said = find(this, '#making-what');
    this.#exporting = control;
    progress.removeAttribute('value');
    said.textContent = texts.selection.making(texts.selection.kinds[kind], segments.length);
    this.update();
    find(this, '[data-do="cancel"]').focus();
    try {
      const [path, body] = request(kind, segments);
      const name = await download(path, body, control.signal, (received, whole) => {
        if (whole) progress.value = received / whole;
        said.textContent = texts.selection.received(size(received), size(Math.max(received, whole)));
      });
      tell(texts.selection.saved(name));
    } catch (error) {
      if (isAbort(error)) tell(texts.selection.cancelled);
      else if (error instanceof ApiError) tell(error.message, 'error', () => void this.#export(kind));
      else throw error;
    } finally {
      const stood = this.contains(document.activeElement);
      this.#exporting = null;
      this.update();
      if (stood) find(this, 'form button').focus();
    }
  }
}

/** What the answer shows: matches at or above the threshold. */
function shown() {
  const { score } = place().filters;
  return answer().segments.filter((segment) => segment.score >= score);
}

/**
 * Path and body of the request that makes it.
 * @param {Export} kind
 * @param {import('../search.js').Segment[]} segments
 * @returns {[string, unknown]}
 */
function request(kind, segments) {
  if (kind !== 'exact' && kind !== 'copy' && kind !== 'reel') return ['/exports/results', { segments, format: kind }];
  const clips = segments.map(({ media_id, start_seconds, end_seconds }) => ({ media_id, start_seconds, end_seconds }));
  return ['/exports/clips', { clips, how: kind === 'copy' ? 'copy' : 'exact', as: kind === 'reel' ? 'reel' : 'zip' }];
}

/** The address says where the page is, whole. */
async function copyLink() {
  const done = await copyText(location.href);
  tell(done ? texts.selection.copied : texts.selection.notCopied(location.href), done ? 'info' : 'error');
}

customElements.define('ms-selection', Selection);
