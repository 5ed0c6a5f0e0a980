/**
 * One media file, looked at: the picture, its timeline, its matches. Open while the address says `watch`.
 *
 * The parts ask by events; here they are answered. The player says what is shown, and everything follows that.
 */

import {
  ANSWER_CHANGED, bus, PLACE_CHANGED, PLAY_ALL, PLAYER_CHANGED, REQUEST_BOX, REQUEST_SEARCH, REQUEST_SEEK,
  REQUEST_THRESHOLD, tell,
} from '../events.js';
import { ApiError, ask, askJson, frameUrl, isAbort, storyboardUrl } from '../lib/api.js';
import { choicesOf } from '../lib/choices.js';
import { clock } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { icon } from '../lib/icons.js';
import { matchAt } from '../lib/path.js';
import { Playlist, STILL_SECONDS } from '../lib/playlist.js';
import { EMPTY, seriesOf } from '../lib/series.js';
import { spanAfter, spanAt, spanBefore } from '../lib/spans.js';
import { readStoryboard } from '../lib/storyboard.js';
import { go, place } from '../place.js';
import { answer } from '../search.js';
import { texts } from '../texts.js';
import { wordsOf } from './timeline.js';
import './matches.js';
import './player.js';

const MOST_POINTS = 20_000;
const STILL_MS = 200;
const NOTE_MS = 250;
const NOTE_PLAYING_MS = 5000;
const PICTURE_PX = 480;
/** Longer jumps than frames. */
const JUMP_SECONDS = 5;

/** @type {Record<string, string>} */
const KEYS = {
  ' ': 'play', ',': 'stepBack', '.': 'stepForward', n: 'next', p: 'previous', i: 'in', o: 'out', b: 'boxes', d: 'draw',
  '+': 'closer', '=': 'closer', '-': 'farther', 0: 'fit', m: 'mute', f: 'full', Escape: 'close',
  ArrowLeft: 'jumpBack', ArrowRight: 'jumpForward',
};

class Viewer extends HTMLElement {
  /** What is open; empty: nothing. */
  #mediaId = '';
  /** Of `watch` in the address, as last read or written. */
  #noted = 0;
  #noteTimer = 0;
  #lineTimer = 0;
  #boxesTimer = 0;
  #stillTimer = 0;
  /** Ends what was asked for the file that is open. */
  #open = new AbortController();
  #asking = new AbortController();
  /** Query and file that the curve is of. */
  #curveOf = '';
  /** The moment that the boxes are of. */
  #boxesOf = '';
  #boxesOn = true;
  /** @type {HTMLElement | null} */
  #focusedBefore = null;
  #title = '';
  /** @type {{ in: number | null, out: number | null }} */
  #marks = { in: null, out: null };
  /** @type {Playlist | null} */
  #playlist = null;

  connectedCallback() {
    if (!this.firstChild) this.#build();
    for (const name of ['click', 'keydown', PLAYER_CHANGED, REQUEST_BOX, REQUEST_SEEK, REQUEST_THRESHOLD]) {
      this.addEventListener(name, this);
    }
    for (const name of [PLACE_CHANGED, ANSWER_CHANGED, PLAY_ALL]) bus.addEventListener(name, this);
    document.addEventListener('keydown', this);
  }

  disconnectedCallback() {
    for (const name of [PLACE_CHANGED, ANSWER_CHANGED, PLAY_ALL]) bus.removeEventListener(name, this);
    document.removeEventListener('keydown', this);
    this.#shut();
  }

  #build() {
    const { viewer } = texts;
    this.setAttribute('role', 'dialog');
    this.setAttribute('aria-modal', 'true');
    this.tabIndex = -1;
    this.setAttribute('aria-labelledby', 'viewer-name');
    render(this, html`
      <header>
        <button data-act="close" aria-label="${viewer.back}" title="${viewer.key(viewer.back, 'Esc')}">${icon('close')}</button>
        <h2 id="viewer-name"><bdi class="name"></bdi></h2>
        <span class="facts"></span>
        <span class="reel" hidden><span class="which"></span>
          <button data-act="reelNext">${viewer.nextOne}</button><button data-act="reelStop">${viewer.stopPlaying}</button></span>
        <button data-act="copy" aria-label="${viewer.copy}" title="${viewer.copy}">${icon('link')}<span>${viewer.copy}</span></button>
      </header>
      <div class="failed" hidden></div>
      <div class="body">
        <div class="seen">
          <ms-player></ms-player>
          <div class="under">
            <p class="status" role="status"></p>
            <a class="button stretch" download hidden></a>
            <button data-act="unmark" aria-label="${viewer.unmark}" title="${viewer.unmark}" hidden>${icon('close')}</button>
          </div>
          <ms-timeline></ms-timeline>
        </div>
        <ms-matches hidden></ms-matches>
      </div>
      <p class="visually-hidden">${viewer.keys}</p>`);
  }

  get player() { return /** @type {import('./player.js').Player} */ (find(this, 'ms-player')); }

  get timeline() { return /** @type {import('./timeline.js').Timeline} */ (find(this, 'ms-timeline')); }

  get list() { return /** @type {import('./matches.js').Matches} */ (find(this, 'ms-matches')); }

  /** @param {Event} event */
  handleEvent(event) {
    const detail = /** @type {CustomEvent} */ (event).detail;
    switch (event.type) {
      case PLACE_CHANGED: return this.#update();
      case ANSWER_CHANGED: return void this.#askCurve();
      case PLAY_ALL: return this.#playAll(detail.segments);
      case PLAYER_CHANGED: return this.#follow(detail);
      case REQUEST_SEEK: return this.player.seek(detail.seconds);
      case REQUEST_THRESHOLD: return this.#moveLine(detail.score);
      case REQUEST_BOX: return this.#search(detail);
      case 'keydown': return this.#key(/** @type {KeyboardEvent} */ (event));
      default: return this.#click(/** @type {MouseEvent} */ (event));
    }
  }

  #update() {
    const { watch } = place();
    if (!watch) {
      this.#shut();
      return;
    }
    if (watch.mediaId !== this.#mediaId) this.#look(watch.mediaId, watch.seconds);
    else if (Math.abs(watch.seconds - this.#noted) > 0.0005) {
      this.#noted = watch.seconds;
      this.player.seek(watch.seconds);
    }
    this.#showLine();
    void this.#askCurve();
  }

  /** @param {string} mediaId @param {number} seconds */
  #look(mediaId, seconds) {
    this.hidden = false;
    if (!this.#mediaId) this.#takeFocus();
    this.#forget();
    this.#mediaId = mediaId;
    this.#noted = seconds;
    void this.#load(mediaId, seconds, this.#open.signal);
  }

  /** What was of the file before. */
  #forget() {
    this.#open.abort();
    this.#open = new AbortController();
    for (const timer of [this.#noteTimer, this.#lineTimer, this.#boxesTimer, this.#stillTimer]) clearTimeout(timer);
    this.#noteTimer = 0;
    this.#curveOf = '';
    this.#boxesOf = '';
    this.player.close();
    this.timeline.data = { duration: 1, curve: EMPTY, segments: [], scale: null, cuts: new Float64Array(), storyboard: [] };
    this.list.show([], null);
    this.#mark({ in: null, out: null });
    find(this, '.status').textContent = '';
    find(this, '.name').textContent = '';
    find(this, '.facts').textContent = '';
  }

  #takeFocus() {
    this.#focusedBefore = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    this.#title = document.title;
    for (const other of this.#others()) other.inert = true;
    document.documentElement.classList.add('viewing');
    // None of its buttons, so that Space plays.
    this.focus();
  }

  /** What lies under the viewer. What is told lies above it. */
  #others() {
    const all = /** @type {HTMLElement[]} */ ([...this.parentElement?.children ?? []]);
    return all.filter((one) => one !== this && !one.classList.contains('told'));
  }

  #shut() {
    if (!this.#mediaId) return;
    this.#mediaId = '';
    this.#endReel();
    this.#forget();
    this.hidden = true;
    if (document.fullscreenElement) void document.exitFullscreen();
    document.title = this.#title;
    document.documentElement.classList.remove('viewing');
    for (const other of this.#others()) other.inert = false;
    if (this.#focusedBefore?.isConnected) this.#focusedBefore.focus();
    else document.getElementById('main')?.focus();
  }

  /** @param {string} mediaId @param {number} seconds @param {AbortSignal} signal */
  async #load(mediaId, seconds, signal) {
    const failed = find(this, '.failed');
    failed.hidden = true;
    const path = `/media/${encodeURIComponent(mediaId)}`;
    try {
      /** @type {import('./player.js').Media} */
      const media = await askJson(path, { signal });
      this.#showMedia(media, seconds);
      if (media.media_type !== 'video') return;
      const [shots, storyboard] = await Promise.all([
        askJson(`${path}/shots`, { signal }), this.#loadStoryboard(mediaId, signal),
      ]);
      if (signal.aborted) return;
      const cuts = shots.data.map((/** @type {{ start_seconds: number }} */ shot) => shot.start_seconds).slice(1);
      this.timeline.data = { ...this.timeline.data, cuts: Float64Array.from(cuts), storyboard };
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      failed.hidden = false;
      render(failed, html`<p>${error.message}</p><button data-act="again">${texts.app.retry}</button>`);
    }
  }

  /** @param {string} mediaId @param {AbortSignal} signal */
  async #loadStoryboard(mediaId, signal) {
    const address = storyboardUrl(mediaId);
    try {
      const reply = await ask(address.replace('/v1', ''), { signal });
      return readStoryboard(await reply.text(), address.slice(0, address.lastIndexOf('/') + 1));
    } catch (error) {
      // Files that are not indexed have none.
      if (error instanceof ApiError && error.status === 404) return [];
      throw error;
    }
  }

  /** @param {import('./player.js').Media} media @param {number} seconds */
  #showMedia(media, seconds) {
    find(this, '.name').textContent = media.name;
    const size = media.width && `${media.width} × ${media.height}`;
    find(this, '.facts').textContent = [media.duration_seconds && clock(media.duration_seconds), size].filter(Boolean).join(' · ');
    document.title = `${media.name} – ${texts.app.name}`;
    const still = media.media_type === 'image';
    this.timeline.hidden = still;
    this.classList.toggle('still', still);
    this.timeline.data = { ...this.timeline.data, duration: media.duration_seconds || 1 };
    this.player.open(media, seconds);
    this.timeline.seconds = seconds;
    void this.#askCurve();
    if (this.#playlist) this.#playOn();
  }

  async #askCurve() {
    const { queryId, state } = answer();
    const { media } = this.player;
    if (!media || media.id !== this.#mediaId || state !== 'ready' || !queryId) {
      if (state === 'none' && this.#curveOf) this.#setCurve(null);
      return;
    }
    const key = `${queryId} ${media.id}`;
    if (key === this.#curveOf) return;
    this.#curveOf = key;
    const path = `/search/${queryId}/media/${encodeURIComponent(media.id)}/curve?max_points=${MOST_POINTS}`;
    const { signal } = this.#open;
    try {
      const curve = await askJson(path, { signal });
      if (!signal.aborted && key === this.#curveOf) this.#setCurve(curve);
    } catch (error) {
      if (isAbort(error) || signal.aborted || key !== this.#curveOf) return;
      if (!(error instanceof ApiError)) throw error;
      // The server has forgotten the question, or does not answer: what the page knows is still true.
      const segments = answer().segments.filter((one) => one.media_id === media.id);
      this.#setCurve({ segments, best: null, thresholds: null });
    }
  }

  /** @param {any} reply null: nothing is asked */
  #setCurve(reply) {
    const best = reply?.best;
    const thresholds = reply?.thresholds;
    if (!reply) this.#curveOf = '';
    this.timeline.data = {
      ...this.timeline.data,
      segments: reply?.segments ?? [],
      curve: best ? seriesOf(best.start_seconds, best.end_seconds, best.score) : EMPTY,
      scale: thresholds ? { thresholds, asked: askedScore(thresholds, reply.segments) } : null,
    };
    this.#showLine();
    this.#showMatches();
    this.#showHere();
  }

  /** The line of the address; without one, that of the search. */
  #showLine() {
    const { scale } = this.timeline.data;
    const line = place().filters.score || scale?.asked || 0;
    if (this.#lineTimer || line === this.timeline.line) return;
    this.timeline.line = line;
    this.#showMatches();
  }

  #showMatches() {
    const { timeline } = this;
    const { scale, segments } = timeline.data;
    const known = this.#curveOf !== '' && !this.classList.contains('still');
    const rule = { line: timeline.line, asked: scale?.asked ?? 0 };
    this.list.show(timeline.spans, known && (scale || segments.length) ? rule : null);
    this.classList.toggle('with-matches', !this.list.hidden);
    this.#showHere();
  }

  /** @param {number} score */
  #moveLine(score) {
    this.timeline.line = score;
    this.#showMatches();
    clearTimeout(this.#lineTimer);
    this.#lineTimer = setTimeout(() => {
      this.#lineTimer = 0;
      go({ filters: { ...place().filters, score } }, { replace: true });
    }, NOTE_MS);
  }

  /** @param {{ seconds: number, playing: boolean, settled: boolean, ended: boolean }} now */
  #follow({ seconds, playing, settled, ended }) {
    if (!this.#mediaId) return;
    this.timeline.seconds = seconds;
    this.#showHere();
    if (this.#playlist?.isOver(this.#mediaId, seconds, ended)) this.#reelNext();
    if (settled) this.#noteSoon(playing);
    clearTimeout(this.#boxesTimer);
    if (playing || !settled) this.#showChoices([]);
    else this.#boxesTimer = setTimeout(() => void this.#askBoxes(), STILL_MS);
  }

  /** What matches at the moment that is shown. */
  #showHere() {
    const { player, timeline } = this;
    const still = player.mode === 'still';
    const span = still ? stillSpan(timeline.data.segments, timeline.line) : spanAt(timeline.spans, player.seconds);
    const words = span ? wordsOf(span) : '';
    player.sayHere(words, span?.confidence ?? '');
    const box = span?.segment ? matchAt(span.segment, player.seconds) : null;
    player.overlay.match(box, words, span?.confidence ?? '');
    this.list.current = span;
  }

  /** @param {boolean} playing */
  #noteSoon(playing) {
    if (playing && this.#noteTimer) return;
    clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => {
      this.#noteTimer = 0;
      this.#note();
    }, playing ? NOTE_PLAYING_MS : NOTE_MS);
  }

  /** Put the time into the address. */
  #note() {
    const { watch } = place();
    const seconds = Number(this.player.seconds.toFixed(3));
    if (!watch || watch.mediaId !== this.#mediaId || seconds === watch.seconds) return;
    this.#noted = seconds;
    go({ watch: { mediaId: this.#mediaId, seconds } }, { replace: true });
  }

  async #askBoxes() {
    const { media, seconds, playing } = this.player;
    const at = Number(seconds.toFixed(3));
    const key = `${media?.id} ${at}`;
    if (!this.#boxesOn || !media || playing || key === this.#boxesOf) return;
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const { data } = await askJson(`/media/${encodeURIComponent(media.id)}/boxes?at_seconds=${at}`, { signal });
      if (signal.aborted || this.player.playing || this.player.media !== media) return;
      this.#showChoices(choicesOf(data));
      this.#boxesOf = key;
      const faces = this.player.overlay.choices.filter(({ kind }) => kind === 'face').length;
      const things = this.player.overlay.choices.length - faces;
      find(this, '.status').textContent = things + faces ? texts.viewer.found(things, faces) : texts.viewer.foundNothing;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'error');
    }
  }

  /** @param {import('./overlay.js').Choice[]} choices */
  #showChoices(choices) {
    this.#asking.abort();
    this.#boxesOf = '';
    if (!choices.length && !this.player.overlay.choices.length) return;
    this.player.overlay.choices = choices;
    if (!choices.length) find(this, '.status').textContent = '';
  }

  /** @param {{ box: number[], kind: string, name: string }} chosen */
  #search({ box, kind, name }) {
    const { media } = this.player;
    if (!media) return;
    const seconds = Number(this.player.seconds.toFixed(3));
    this.#note();
    const mode = kind === 'face' ? 'face' : 'object';
    const question = { mediaId: media.id, seconds, box, mode: /** @type {'face' | 'object'} */ (mode) };
    const time = media.media_type === 'image' ? '' : clock(seconds, 1);
    const crumb = {
      name: texts.viewer.crumb(name, media.name, time), address: '', picture: frameUrl(media.id, seconds, PICTURE_PX),
    };
    this.dispatchEvent(new CustomEvent(REQUEST_SEARCH, { bubbles: true, detail: { ...question, crumb } }));
  }

  /** @param {{ in: number | null, out: number | null }} marks */
  #mark(marks) {
    this.#marks = marks;
    this.timeline.marks = marks;
    const link = /** @type {HTMLAnchorElement} */ (find(this, '.stretch'));
    const start = marks.in ?? 0;
    const end = marks.out ?? this.player.media?.duration_seconds ?? 0;
    const none = marks.in === null && marks.out === null;
    link.hidden = none;
    find(this, '[data-act="unmark"]').hidden = none;
    if (none) return;
    link.textContent = texts.viewer.stretch(`${clock(start, 1)} – ${clock(end, 1)}`);
    link.href = `/v1/media/${encodeURIComponent(this.#mediaId)}/clip?start_seconds=${start}&end_seconds=${end}`;
  }

  /** In and out stay in order: the one that is set last holds. @param {'in' | 'out'} side */
  #markHere(side) {
    if (this.player.mode === 'still') return;
    const seconds = Number(this.player.seconds.toFixed(3));
    const marks = { ...this.#marks, [side]: seconds };
    if (marks.in !== null && marks.out !== null && marks.in >= marks.out) marks[side === 'in' ? 'out' : 'in'] = null;
    this.#mark(marks);
  }

  /** @param {1 | -1} direction */
  #toMatch(direction) {
    const { spans } = this.timeline;
    const { seconds } = this.player;
    const span = direction > 0 ? spanAfter(spans, seconds) : spanBefore(spans, seconds);
    if (span) this.player.seek(span.start);
    else tell(!spans.length ? texts.viewer.noMatches : direction > 0 ? texts.viewer.noLater : texts.viewer.noEarlier);
  }

  /** @param {string} name */
  #act(name) {
    const { player, timeline } = this;
    switch (name) {
      case 'close': return player.overlay.stop() ? undefined : go({ watch: null });
      case 'again': return this.#look(this.#mediaId, this.#noted);
      case 'copy': return void this.#copy();
      case 'play': return player.toggle();
      case 'stepBack': return player.step(-1);
      case 'stepForward': return player.step(1);
      case 'jumpBack': return player.seek(player.seconds - JUMP_SECONDS);
      case 'jumpForward': return player.seek(player.seconds + JUMP_SECONDS);
      case 'next': return this.#toMatch(1);
      case 'previous': return this.#toMatch(-1);
      case 'in': case 'out': return this.#markHere(name);
      case 'unmark': return this.#mark({ in: null, out: null });
      case 'boxes': return this.#switchBoxes();
      case 'draw': player.pause(); return player.overlay.begin();
      case 'closer': return timeline.zoom(0.5);
      case 'farther': return timeline.zoom(2);
      case 'fit': return timeline.fit();
      case 'mute': return player.mute();
      case 'full': return player.full();
      case 'reelNext': return this.#reelNext();
      case 'reelStop': return this.#endReel();
    }
  }

  #switchBoxes() {
    this.#boxesOn = !this.#boxesOn;
    find(this, '[data-act="boxes"]').setAttribute('aria-pressed', String(this.#boxesOn));
    if (this.#boxesOn) {
      this.player.pause();
      void this.#askBoxes();
    } else this.#showChoices([]);
  }

  async #copy() {
    this.#note();
    try {
      await navigator.clipboard.writeText(location.href);
      tell(texts.viewer.copied);
    } catch (error) {
      if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
      tell(texts.viewer.uncopied, 'error');
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const button = target.closest('[data-act]');
    const link = target.closest('ms-matches a');
    if (button instanceof HTMLElement) this.#act(button.dataset.act ?? '');
    else if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.button)) {
      event.preventDefault();
      const span = this.list.spanOf(link);
      if (span) this.player.seek(span.start);
    } else if (target.closest('ms-overlay')) this.player.toggle();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#mediaId || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    // Where nothing has the focus the keys come from the page.
    const inside = event.currentTarget === this;
    if (!inside && event.target !== document.body) return;
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!act || isTakenBy(/** @type {Element} */ (event.target), event.key)) return;
    event.preventDefault();
    this.#act(act);
  }

  /** @param {import('../search.js').Segment[]} segments */
  #playAll(segments) {
    if (!segments.length) {
      tell(texts.viewer.nothingToPlay);
      return;
    }
    this.#playlist = new Playlist([...segments]);
    this.#showReel();
  }

  /** Go to what is on, or end after the last. */
  #showReel() {
    const segment = this.#playlist?.current;
    clearTimeout(this.#stillTimer);
    find(this, '.reel').hidden = !segment;
    if (!this.#playlist || !segment) {
      this.#endReel();
      this.player.pause();
      tell(texts.viewer.playedAll);
      return;
    }
    find(this, '.which').textContent = texts.viewer.playing(this.#playlist.index + 1, this.#playlist.segments.length);
    if (segment.media_id === this.#mediaId) {
      this.player.seek(segment.start_seconds);
      this.#playOn();
    } else {
      // One step back leads to where playing began.
      const watch = { mediaId: segment.media_id, seconds: segment.start_seconds };
      go({ watch }, { replace: this.#mediaId !== '' });
    }
  }

  #playOn() {
    if (this.#playlist?.current?.media_id !== this.#mediaId) return;
    clearTimeout(this.#stillTimer);
    if (this.player.mode === 'video') void this.player.play();
    else this.#stillTimer = setTimeout(() => this.#reelNext(), STILL_SECONDS * 1000);
  }

  #reelNext() {
    this.#playlist?.next();
    this.#showReel();
  }

  #endReel() {
    clearTimeout(this.#stillTimer);
    this.#playlist = null;
    find(this, '.reel').hidden = true;
  }
}

/**
 * The least score that the search asks for.
 * @param {import('../lib/spans.js').Thresholds} thresholds
 * @param {import('../search.js').Segment[]} segments
 */
function askedScore(thresholds, segments) {
  const { confidence } = place().filters;
  if (confidence !== 'none') return thresholds[confidence];
  return Math.min(thresholds.low, ...segments.map(({ score }) => score));
}

/**
 * The match of a still.
 * @param {import('../search.js').Segment[]} segments
 * @param {number} line
 * @returns {import('../lib/spans.js').Span | null}
 */
function stillSpan([segment], line) {
  if (!segment || segment.score < line) return null;
  return { start: 0, end: 0, score: segment.score, confidence: segment.confidence, segment };
}

/** Whether a key means something to what has the focus. @param {Element} element @param {string} key */
function isTakenBy(element, key) {
  if (key === 'Escape') return false;
  if (element.matches('select, textarea, input:not([type="range"])')) return true;
  if (element.matches('input[type="range"]')) return key.startsWith('Arrow');
  return element.matches('button, a[href]') && key === ' ';
}

customElements.define('ms-viewer', Viewer);
