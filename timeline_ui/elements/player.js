/**
 * One media file that is looked at: a video that plays, single frames where the browser cannot play it, or a still.
 *
 * Nothing is kept of what was only asked for: PLAYER_CHANGED says what is shown, `detail` is
 * { seconds, playing, settled, ended }; `settled` when no seek is under way.
 */

import { PLAYER_CHANGED } from '../events.js';
import { fileUrl, frameUrl } from '../lib/api.js';
import { find, html, render } from '../lib/html.js';
import { icon } from '../lib/icons.js';
import { texts } from '../texts.js';
import './overlay.js';

const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];
const STILL_PX = 2048;
const FRAME_PX = 1280;
const USUAL_FPS = 25;
const TELLS_FRAMES = 'requestVideoFrameCallback' in HTMLVideoElement.prototype;

/**
 * Of /v1/media/{id}.
 * @typedef {object} Media
 * @property {string} id
 * @property {string} name
 * @property {'image' | 'video' | null} media_type
 * @property {number | null} duration_seconds
 * @property {number | null} width as shown
 * @property {number | null} height
 * @property {number | null} fps
 */

export class Player extends HTMLElement {
  /** @type {Media | null} */
  #media = null;
  /** @type {'video' | 'frames' | 'still'} */
  #mode = 'video';
  /** What is asked for while an earlier seek is under way. @type {number | null} */
  #wanted = null;
  /** Of the frame that is shown: its own time, which says better than the clock which one it is. */
  #shown = 0;
  /** Of the single frame, where those are shown. */
  #frame = 0;
  #watcher = new ResizeObserver(() => this.#fit());

  connectedCallback() {
    if (!this.firstChild) this.#build();
    this.#watcher.observe(find(this, '.stage'));
  }

  disconnectedCallback() {
    this.#watcher.disconnect();
  }

  #build() {
    const { viewer } = texts;
    /** @param {string} act @param {Parameters<typeof icon>[0]} name @param {string} label @param {string} key */
    const button = (act, name, label, key) => html`
      <button data-act="${act}" aria-label="${label}" title="${viewer.key(label, key)}">${icon(name)}</button>`;
    render(this, html`
      <div class="stage">
        <video playsinline preload="auto" tabindex="-1"></video>
        <img class="picture" alt="" hidden>
        <ms-overlay role="group" aria-label="${viewer.picture}" title=""></ms-overlay>
        <p class="notice" role="status"></p>
        <p class="here" aria-hidden="true" hidden></p>
      </div>
      <div class="controls" role="group" aria-label="${viewer.playback}">
        <span class="group moves">
          ${button('previous', 'previous', viewer.previousMatch, 'p')}
          ${button('stepBack', 'back', viewer.stepBack, ',')}
          <button data-act="play" class="main" aria-label="${viewer.play}" title="${viewer.key(viewer.play, 'Space')}">${icon('play')}</button>
          ${button('stepForward', 'forward', viewer.stepForward, '.')}
          ${button('next', 'next', viewer.nextMatch, 'n')}
        </span>
        <span class="group marks">
          <button data-act="in" title="${viewer.key(viewer.markInLong, 'i')}" aria-label="${viewer.markInLong}">${viewer.markIn}</button>
          <button data-act="out" title="${viewer.key(viewer.markOutLong, 'o')}" aria-label="${viewer.markOutLong}">${viewer.markOut}</button>
        </span>
        <span class="group boxes">
          <button data-act="boxes" aria-pressed="true" title="${viewer.key(viewer.boxesLong, 'b')}">${icon('box')}<span>${viewer.boxes}</span></button>
          <button data-act="draw" title="${viewer.key(viewer.drawLong, 'd')}">${viewer.draw}</button>
        </span>
        <span class="group sound">
          <select class="speed" aria-label="${viewer.speed}" title="${viewer.speed}">
            ${SPEEDS.map((speed) => html`<option value="${speed}" ${speed === 1 && 'selected'}>${speed}×</option>`)}
          </select>
          ${button('mute', 'sound', viewer.mute, 'm')}
          <input type="range" class="volume" min="0" max="1" step="0.05" value="1" aria-label="${viewer.volume}">
          ${button('full', 'full', viewer.full, 'f')}
        </span>
      </div>`);
    const { video } = this;
    for (const name of ['loadedmetadata', 'loadeddata', 'play', 'pause', 'seeking', 'seeked', 'ended', 'error', 'volumechange', 'timeupdate']) {
      video.addEventListener(name, this);
    }
    find(this, 'img.picture').addEventListener('load', this);
    find(this, 'img.picture').addEventListener('error', this);
    this.addEventListener('change', this);
    this.addEventListener('input', this);
    this.#watchFrames();
  }

  get video() { return /** @type {HTMLVideoElement} */ (find(this, 'video')); }

  get overlay() {
    return /** @type {import('./overlay.js').Overlay} */ (find(this, 'ms-overlay'));
  }

  get mode() { return this.#mode; }

  get media() { return this.#media; }

  get #frameSeconds() { return 1 / (this.#media?.fps || USUAL_FPS); }

  get playing() { return this.#mode === 'video' && !this.video.paused && !this.video.ended; }

  get seconds() {
    if (this.#mode !== 'video') return this.#mode === 'frames' ? this.#frame : 0;
    return this.playing && !this.video.seeking ? this.#shown : this.video.currentTime;
  }

  /**
   * @param {Media} media
   * @param {number} seconds
   */
  open(media, seconds) {
    this.close();
    this.#media = media;
    const still = media.media_type === 'image';
    this.#setMode(still ? 'still' : 'video');
    if (still) this.#picture(frameUrl(media.id, 0, STILL_PX));
    else {
      const { video } = this;
      // Something to see while the video itself comes.
      video.poster = frameUrl(media.id, seconds, FRAME_PX);
      video.src = fileUrl(media.id);
      this.seek(seconds);
    }
    this.#fit();
  }

  close() {
    const { video } = this;
    this.#media = null;
    this.#wanted = null;
    this.#shown = 0;
    video.pause();
    video.removeAttribute('src');
    video.removeAttribute('poster');
    video.load();
    find(this, 'img.picture').removeAttribute('src');
    find(this, '.notice').textContent = '';
    this.overlay.match(null, '', '');
    this.overlay.choices = [];
    this.overlay.stop();
  }

  /** @param {number} seconds */
  seek(seconds) {
    const end = this.#media?.duration_seconds ?? Infinity;
    const to = Math.min(end, Math.max(0, seconds));
    if (this.#mode === 'frames') this.#showFrame(to);
    if (this.#mode !== 'video') return;
    this.#wanted = to;
    this.#seekOn();
  }

  /** One seek at a time; of those asked meanwhile the last. */
  #seekOn() {
    const { video } = this;
    if (this.#wanted === null || video.seeking || video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const to = this.#wanted;
    this.#wanted = null;
    // Until the browser says which frame it shows: the one that is there by the rate.
    this.#shown = Math.floor(to / this.#frameSeconds + 1e-6) * this.#frameSeconds;
    if (to !== video.currentTime) video.currentTime = to;
    else this.#say();
  }

  async play() {
    if (this.#mode !== 'video') return;
    try {
      await this.video.play();
    } catch (error) {
      // Stopped again before it began, or a browser that wants a click first: the buttons say how it is.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  pause() { this.video.pause(); }

  toggle() {
    if (this.playing) this.pause();
    else void this.play();
  }

  /** Frames on (1) or back (-1). @param {number} direction */
  step(direction) {
    this.pause();
    // To the middle of the frame: its borders may be rounded to either side.
    const frame = this.#mode === 'video' ? this.#shown : this.seconds;
    this.seek(frame + (direction + 0.5) * this.#frameSeconds);
  }

  mute() { this.video.muted = !this.video.muted; }

  full() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.requestFullscreen();
  }

  /** What is said on the picture; empty: nothing. @param {string} words @param {string} confidence */
  sayHere(words, confidence) {
    const here = find(this, '.here');
    if (here.textContent === words) return;
    here.textContent = words;
    here.className = `here ${confidence}`;
    here.hidden = !words;
  }

  /** @param {Event} event */
  handleEvent(event) {
    const { type, target } = event;
    if (type === 'change' || type === 'input') this.#set(/** @type {HTMLInputElement} */ (target));
    else if (target instanceof HTMLImageElement) this.#pictureCame(type === 'load');
    else if (type === 'error') this.#cannotPlay();
    else if (type === 'loadedmetadata' && !this.video.videoWidth) this.#cannotPlay();
    else {
      if (type === 'loadedmetadata') this.#fit();
      if (type === 'loadedmetadata' || type === 'seeked') this.#seekOn();
      this.#say();
    }
  }

  /** @param {HTMLInputElement} input */
  #set(input) {
    if (input.classList.contains('speed')) this.video.playbackRate = Number(input.value);
    if (!input.classList.contains('volume')) return;
    this.video.volume = Number(input.value);
    this.video.muted = input.value === '0';
  }

  #watchFrames() {
    const { video } = this;
    if (!TELLS_FRAMES) return;
    const next = (/** @type {number} */ _now, /** @type {VideoFrameCallbackMetadata} */ frame) => {
      // News of a frame that was left by a seek since comes too late.
      const isThere = this.playing || Math.abs(video.currentTime - frame.mediaTime) <= this.#frameSeconds;
      if (isThere) this.#shown = frame.mediaTime;
      this.#say();
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  }

  #say() {
    if (!this.#media) return;
    const { video } = this;
    if (!TELLS_FRAMES) this.#shown = video.currentTime;
    const playing = this.playing;
    const settled = this.#mode === 'video' ? !video.seeking && this.#wanted === null : true;
    this.#sayControls(playing);
    this.dispatchEvent(new CustomEvent(PLAYER_CHANGED, {
      bubbles: true, detail: { seconds: this.seconds, playing, settled, ended: this.#mode === 'video' && video.ended },
    }));
  }

  /** @param {boolean} playing */
  #sayControls(playing) {
    const { muted, volume } = this.video;
    const state = `${playing}${muted}${volume}`;
    if (this.dataset.state === state) return;
    this.dataset.state = state;
    this.classList.toggle('playing', playing);
    const { viewer } = texts;
    const change = (/** @type {string} */ act, /** @type {Parameters<typeof icon>[0]} */ name, /** @type {string} */ label, /** @type {string} */ key) => {
      const button = find(this, `[data-act="${act}"]`);
      render(button, html`${icon(name)}`);
      button.setAttribute('aria-label', label);
      button.title = viewer.key(label, key);
    };
    change('play', playing ? 'pause' : 'play', playing ? viewer.pause : viewer.play, 'Space');
    change('mute', muted ? 'silent' : 'sound', muted ? viewer.unmute : viewer.mute, 'm');
    /** @type {HTMLInputElement} */ (find(this, '.volume')).value = String(muted ? 0 : volume);
  }

  #cannotPlay() {
    // Closing takes the source away, which is an error, too.
    if (!this.#media || this.#mode !== 'video' || !this.video.hasAttribute('src')) return;
    const seconds = this.#wanted ?? this.video.currentTime;
    this.#wanted = null;
    this.video.removeAttribute('src');
    this.#setMode('frames');
    find(this, '.notice').textContent = texts.viewer.frames;
    this.#showFrame(seconds);
  }

  /** @param {number} seconds */
  #showFrame(seconds) {
    if (!this.#media) return;
    this.#frame = seconds;
    this.#picture(frameUrl(this.#media.id, Number(seconds.toFixed(3)), FRAME_PX));
    this.#say();
  }

  /** One picture at a time; of those asked meanwhile the last. @param {string} address */
  #picture(address) {
    const image = /** @type {HTMLImageElement} */ (find(this, 'img.picture'));
    if (image.dataset.loading) image.dataset.next = address;
    else {
      image.dataset.loading = address;
      image.src = address;
    }
  }

  /** @param {boolean} came */
  #pictureCame(came) {
    const image = /** @type {HTMLImageElement} */ (find(this, 'img.picture'));
    const { next } = image.dataset;
    delete image.dataset.loading;
    delete image.dataset.next;
    if (!this.#media || this.#mode === 'video') return;
    if (!came) find(this, '.notice').textContent = texts.viewer.unread;
    else if (find(this, '.notice').textContent === texts.viewer.unread) find(this, '.notice').textContent = '';
    if (next) this.#picture(next);
    this.#fit();
    this.#say();
  }

  /** @param {'video' | 'frames' | 'still'} mode */
  #setMode(mode) {
    this.#mode = mode;
    this.dataset.mode = mode;
    this.video.hidden = mode !== 'video';
    find(this, 'img.picture').hidden = mode === 'video';
    delete find(this, 'img.picture').dataset.loading;
  }

  /** The overlay goes where the picture is: in the middle of the stage, as large as fits. */
  #fit() {
    const stage = find(this, '.stage');
    const image = /** @type {HTMLImageElement} */ (find(this, 'img.picture'));
    const seen = this.#mode === 'video' ? [this.video.videoWidth, this.video.videoHeight] : [image.naturalWidth, image.naturalHeight];
    const width = seen[0] || this.#media?.width || 16;
    const height = seen[1] || this.#media?.height || 9;
    const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    const { style } = this.overlay;
    style.width = `${width * scale}px`;
    style.height = `${height * scale}px`;
    style.left = `${(stage.clientWidth - width * scale) / 2}px`;
    style.top = `${(stage.clientHeight - height * scale) / 2}px`;
  }
}

customElements.define('ms-player', Player);
