/** The question: pictures, a box on one, words, and what kind of thing is meant. */

import './box-editor.js';
import './crumbs.js';
import { ANSWER_CHANGED, bus, LIBRARY_CHANGED, PLACE_CHANGED, SESSION_CHANGED, tell } from '../events.js';
import { lookAtFacts } from '../facts.js';
import { ApiError, askJson, frameUrl, isAbort } from '../lib/api.js';
import { clock } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { crumbs, go, NO_QUESTION, place } from '../place.js';
import { answer, askAgain, cancel } from '../search.js';
import { texts } from '../texts.js';
import { BOX_CHOSEN, PICTURE_GONE } from './box-editor.js';

/** @typedef {import('../place.js').Question} Question */
/** @typedef {import('../place.js').Crumb} Crumb */
/** @typedef {NonNullable<Question['mode']>} Mode */

const MODES = /** @type {const} */ (['scene', 'object', 'face']);
const MOST_PICTURES = 10;
const PICTURES = 'image/*,.heic,.heif,.avif';

class Ask extends HTMLElement {
  /** @type {AbortController | null} pictures on their way to the server */
  #sending = null;
  /** @type {import('../facts.js').Facts | null} */
  #facts = null;
  /** What was chosen before there is a question. @type {Mode | null} */
  #mode = null;
  /** The address of a picture that is not there. @type {string | null} */
  #gone = null;
  /** Drags come in and go out once for each element on their way. */
  #over = 0;
  /** What is written beside a moment or a person, once it is known: name by id. @type {Map<string, string>} */
  #names = new Map();

  connectedCallback() {
    if (!this.firstChild) this.#build();
    for (const type of ['submit', 'change', 'click', BOX_CHOSEN, PICTURE_GONE]) this.addEventListener(type, this);
    for (const type of ['dragenter', 'dragover', 'dragleave', 'drop', 'paste', 'keydown']) {
      document.addEventListener(type, this);
    }
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED, LIBRARY_CHANGED, SESSION_CHANGED]) bus.addEventListener(type, this);
    this.update();
    void this.#look();
  }

  disconnectedCallback() {
    for (const type of ['dragenter', 'dragover', 'dragleave', 'drop', 'paste', 'keydown']) {
      document.removeEventListener(type, this);
    }
    for (const type of [PLACE_CHANGED, ANSWER_CHANGED, LIBRARY_CHANGED, SESSION_CHANGED]) bus.removeEventListener(type, this);
  }

  #build() {
    render(this, html`
      <form aria-label="${texts.ask.region}">
        <h2 class="title">${texts.ask.title}</h2>
        <ms-crumbs></ms-crumbs>
        <div class="shown">
          <label class="drop">
            <svg viewBox="0 0 48 48" aria-hidden="true"><rect x="5" y="9" width="38" height="30" rx="4"/>
              <circle cx="16" cy="19" r="3.5"/><path d="m7 35 11-11 8 8 6-6 9 9"/></svg>
            <strong>${texts.ask.drop}</strong>
            <span>${texts.ask.paste} <u>${texts.ask.choose}</u></span>
            <small>${texts.ask.several}</small>
            <input type="file" name="pictures" accept="${PICTURES}" multiple class="visually-hidden">
          </label>
          <ms-box-editor alt="${texts.ask.picture}" hidden></ms-box-editor>
          <ul class="several" hidden></ul>
          <div class="person" hidden><img alt=""><p>${texts.ask.person} <strong class="name"></strong></p></div>
          <p class="gone" hidden>${texts.ask.gone}</p>
          <div class="sending" hidden><p role="status"></p>
            <button type="button" data-do="stop">${texts.ask.stop} <kbd>Esc</kbd></button></div>
        </div>
        <p class="caption" hidden><span class="name"></span></p>
        <p class="hint" hidden>${texts.ask.drawHint}</p>
        <div class="tools" hidden>
          <button type="button" data-do="box"></button>
          <label class="button add">${texts.ask.add}
            <input type="file" name="add" accept="${PICTURES}" multiple class="visually-hidden"></label>
          <button type="button" data-do="fresh">${texts.ask.fresh}</button>
        </div>
        <fieldset class="mode">
          <legend>${texts.ask.mode}</legend>
          <div class="switch">
            ${MODES.map((mode) => html`<label><input type="radio" name="mode" value="${mode}" class="visually-hidden">
              <span>${texts.ask.modes[mode]}</span></label>`)}
          </div>
        </fieldset>
        <div class="words">
          <label for="words">${texts.ask.words}</label>
          <input id="words" name="words" type="search" maxlength="500" autocomplete="off" enterkeyhint="search"
            placeholder="${texts.ask.wordsHint}">
          <small id="words-why" hidden></small>
        </div>
        <div class="actions">
          <button class="main">${texts.ask.search}</button>
        </div>
        <p class="facts" hidden></p>
      </form>
      <div class="curtain" hidden><p>${texts.ask.dropAnywhere}</p></div>`);
  }

  /** @param {Event} event */
  handleEvent(event) {
    switch (event.type) {
      case PLACE_CHANGED:
      case ANSWER_CHANGED: return this.update();
      case LIBRARY_CHANGED:
      case SESSION_CHANGED: return void this.#look();
      case BOX_CHOSEN: return this.#chooseBox(/** @type {CustomEvent} */ (event).detail);
      case PICTURE_GONE:
        this.#gone = find(this, 'ms-box-editor').getAttribute('src');
        return this.update();
      case 'submit': return this.#submit(event);
      case 'change': return this.#change(/** @type {HTMLInputElement} */ (event.target));
      case 'click': return this.#click(/** @type {Element} */ (event.target));
      case 'keydown': return this.#key(/** @type {KeyboardEvent} */ (event));
      case 'paste': return this.#paste(/** @type {ClipboardEvent} */ (event));
      default: return this.#drag(/** @type {DragEvent} */ (event));
    }
  }

  update() {
    const { question } = place();
    const { pictures, mediaId, seconds, box, person } = question ?? NO_QUESTION;
    const one = pictures.length === 1 || mediaId !== null;
    this.dataset.state = question ? 'asked' : 'fresh';
    const editor = /** @type {HTMLElement & { box: number[] | null }} */ (find(this, 'ms-box-editor'));
    editor.hidden = !one;
    if (one) {
      editor.setAttribute('src', mediaId === null ? `/v1/pictures/${pictures[0]}` : frameUrl(mediaId, seconds, 1280));
      editor.toggleAttribute('editable', true);
      editor.box = box;
    }
    this.#say('.gone', one && editor.getAttribute('src') === this.#gone);
    this.#say('.title', !question);
    this.#say('.drop', !one && !person && pictures.length < 2);
    this.#say('.tools', question !== null);
    this.#say('.tools [data-do="box"]', one);
    this.#say('.tools .add', mediaId === null && pictures.length > 0 && pictures.length < MOST_PICTURES);
    find(this, '.tools [data-do="box"]').textContent = box ? texts.ask.noBox : texts.ask.drawBox;
    this.#say('.hint', one && !box);
    this.#say('.mode', !person);
    this.#say('.words', !person);
    this.#showSeveral(pictures);
    this.#showSource(mediaId, seconds, person);
    this.#showMode(question);
    this.#showWords(question);
    this.#say('.sending', this.#sending !== null);
    find(this, '.sending p').textContent = this.#sending ? texts.ask.sending : '';
    // With a picture alone there is nothing to send: it asks as soon as it is there.
    this.#say('.actions', !(question && /** @type {HTMLInputElement} */ (find(this, '#words')).disabled));
    this.#say('.facts', question === null && this.#facts !== null);
    if (this.#facts) find(this, '.facts').textContent = texts.ask.facts(this.#facts.videos, this.#facts.stills);
  }

  /** @param {string} selector @param {boolean} shown */
  #say(selector, shown) {
    find(this, selector).hidden = !shown;
  }

  /** @param {string[]} pictures */
  #showSeveral(pictures) {
    const list = find(this, '.several');
    list.hidden = pictures.length < 2;
    if (list.dataset.shown === pictures.join()) return;
    list.dataset.shown = pictures.join();
    render(list, html`${pictures.map((id, index) => html`
      <li><img src="/v1/pictures/${id}" alt="" width="96" height="96">
        <button type="button" data-do="without" data-id="${id}" aria-label="${texts.ask.without(index + 1)}">×</button>
      </li>`)}`);
  }

  /** @param {string | null} mediaId @param {number} seconds @param {string | null} person */
  #showSource(mediaId, seconds, person) {
    this.#say('.caption', mediaId !== null);
    this.#say('.person', person !== null);
    if (mediaId !== null) {
      const name = this.#nameOf(mediaId, `/media/${encodeURIComponent(mediaId)}`);
      find(this, '.caption .name').textContent = texts.ask.moment(name ?? '', seconds ? clock(seconds, 1) : '');
    }
    if (person !== null) {
      const name = this.#nameOf(person, `/people/${encodeURIComponent(person)}`);
      find(this, '.person .name').textContent = name || texts.ask.somebody;
      const image = /** @type {HTMLImageElement} */ (find(this, '.person img'));
      const source = `/v1/people/${encodeURIComponent(person)}/face.jpg?max_side_px=320`;
      if (image.getAttribute('src') !== source) image.src = source;
    }
  }

  /** What a medium or a person is called; asked of the server once. @param {string} id @param {string} path */
  #nameOf(id, path) {
    if (!this.#names.has(id)) {
      this.#names.set(id, '');
      askJson(path).then(({ name }) => {
        this.#names.set(id, name ?? '');
        this.update();
      }, () => this.#names.delete(id));
    }
    return this.#names.get(id);
  }

  /** @param {Question | null} question */
  #showMode(question) {
    const mode = question ? question.mode ?? (question.box ? 'object' : 'scene') : this.#mode ?? 'scene';
    const faces = this.#facts?.offers.faces ?? true;
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (this.querySelectorAll('input[name="mode"]'))) {
      input.checked = input.value === mode;
      input.disabled = input.value === 'face' && !faces;
      const label = /** @type {HTMLElement} */ (input.parentElement);
      label.title = input.disabled ? texts.ask.noFaces : '';
    }
  }

  /** @param {Question | null} question */
  #showWords(question) {
    const input = /** @type {HTMLInputElement} */ (find(this, '#words'));
    const ofFaces = (question?.mode ?? (question ? null : this.#mode)) === 'face';
    const why = this.#facts && !this.#facts.offers.words ? texts.ask.noWords : ofFaces ? texts.ask.noWordsForFaces : '';
    input.disabled = why !== '';
    const note = find(this, '#words-why');
    note.hidden = !why;
    note.textContent = why;
    if (why) input.setAttribute('aria-describedby', note.id);
    else input.removeAttribute('aria-describedby');
    input.placeholder = why ? '' : texts.ask.wordsHint;
    const pictured = question !== null && (question.pictures.length > 0 || question.mediaId !== null);
    find(this, '.words label').textContent = pictured ? texts.ask.wordsToo : texts.ask.words;
    // What somebody is typing is newer than the address.
    const asked = question?.words ?? '';
    if (input.dataset.asked !== asked) input.value = asked;
    input.dataset.asked = asked;
  }

  async #look() {
    try {
      this.#facts = await lookAtFacts();
    } catch (error) {
      // Nothing is known, so nothing is refused here: the server says what it cannot do.
      if (!(error instanceof ApiError)) throw error;
    }
    this.update();
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const { question } = place();
    const words = /** @type {HTMLInputElement} */ (find(this, '#words')).value.trim();
    if (words === (question?.words ?? '')) {
      if (question) void askAgain();
      else find(this, words ? '#words' : '.drop input').focus();
      return;
    }
    const next = { ...(question ?? NO_QUESTION), words };
    if (!question) next.mode = this.#mode === 'face' ? null : this.#mode;
    const asked = next.pictures.length || next.mediaId || next.words;
    const crumb = { name: texts.ask.wordsCrumb(words), address: '', picture: null };
    go({ question: asked ? next : null }, { crumbs: words && !question ? [crumb] : retouched() });
  }

  /** @param {HTMLInputElement} input */
  #change(input) {
    if (input.type === 'file') {
      const files = [...(input.files ?? [])];
      input.value = '';
      void this.#send(files, input.name === 'add');
    } else if (input.name === 'mode') this.#chooseMode(/** @type {Mode} */ (input.value));
  }

  /** @param {Mode} mode */
  #chooseMode(mode) {
    const { question } = place();
    this.#mode = mode;
    if (!question) return this.update();
    const box = mode === 'scene' ? null : question.box;
    const usual = box ? 'object' : 'scene';
    const words = mode === 'face' ? '' : question.words;
    go({ question: { ...question, mode: mode === usual ? null : mode, box, words } }, { crumbs: retouched() });
  }

  /** @param {number[] | null} box */
  #chooseBox(box) {
    const { question } = place();
    if (!question) return;
    const chain = crumbs();
    const last = chain.at(-1);
    const redrawn = last?.name === texts.ask.box;
    const before = redrawn ? chain.slice(0, -1) : chain;
    const crumb = { name: texts.ask.box, address: '', picture: null };
    // "Object" was meant for the whole picture, "whole picture" not for a box.
    const mode = question.mode === 'face' ? question.mode : null;
    go({ question: { ...question, box, mode } }, { crumbs: box ? [...before, crumb] : before, replace: redrawn });
  }

  /** @param {Element} target */
  #click(target) {
    const button = /** @type {HTMLElement | null} */ (target.closest('button[data-do]'));
    if (!button) return;
    const { question } = place();
    const editor = /** @type {HTMLElement & { begin: () => void, erase: () => void }} */ (find(this, 'ms-box-editor'));
    switch (button.dataset.do) {
      case 'box': return question?.box ? editor.erase() : editor.begin();
      case 'stop': return void this.#stop();
      case 'fresh':
        /** @type {HTMLInputElement} */ (find(this, '#words')).value = '';
        this.#mode = null;
        go({ question: null, watch: null }, { crumbs: [] });
        return find(this, '.drop input').focus();
      case 'without': {
        const pictures = (question ?? NO_QUESTION).pictures.filter((id) => id !== button.dataset.id);
        return go({ question: { ...(question ?? NO_QUESTION), pictures } }, { crumbs: retouched() });
      }
    }
  }

  /** Whether there was something to stop. */
  #stop() {
    const sending = this.#sending;
    sending?.abort();
    this.#sending = null;
    const asking = answer().state === 'asking';
    cancel();
    this.update();
    return sending !== null || asking;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== 'Escape' || event.defaultPrevented || place().view !== 'search' || place().watch) return;
    if (this.#stop()) event.preventDefault();
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    if (place().view !== 'search') return;
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith('image/'));
    if (!files.length) return;
    event.preventDefault();
    void this.#send(files.map((file) => new File([file], texts.ask.pasted, { type: file.type })), false);
  }

  /** @param {DragEvent} event */
  #drag(event) {
    if (place().view !== 'search' || !event.dataTransfer?.types.includes('Files')) return;
    // Without this the browser would open the file in place of the page.
    event.preventDefault();
    if (event.type === 'dragenter') this.#over += 1;
    else if (event.type === 'dragleave') this.#over = Math.max(0, this.#over - 1);
    else if (event.type === 'drop') {
      this.#over = 0;
      void this.#send([...event.dataTransfer.files], false);
    }
    this.#say('.curtain', this.#over > 0);
  }

  /**
   * Keep the pictures on the server, then ask with them. Whatever was being sent before is given up: the latest wins.
   * @param {File[]} files
   * @param {boolean} adds to the pictures that are there
   */
  async #send(files, adds) {
    const wrong = files.find((file) => file.type.startsWith('video/') || file.type.startsWith('audio/'));
    if (wrong) return tell(texts.ask.noPicture(wrong.name), 'error');
    if (!files.length) return;
    const before = adds ? place().question?.pictures ?? [] : [];
    if (files.length + before.length > MOST_PICTURES) return tell(texts.ask.tooMany, 'error');
    this.#sending?.abort();
    const sending = this.#sending = new AbortController();
    this.update();
    try {
      const kept = await Promise.all(files.map((file) => {
        const form = new FormData();
        form.append('image', file);
        return askJson('/pictures', { form, signal: sending.signal });
      }));
      if (sending.signal.aborted) return;
      this.#sending = null;
      this.#askWith([...new Set([...before, ...kept.map(({ id }) => id)])], files[0].name, adds);
    } catch (error) {
      if (isAbort(error) || sending.signal.aborted) return;
      this.#sending = null;
      this.update();
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'error', error.status === 0 ? () => void this.#send(files, adds) : undefined);
    }
  }

  /** @param {string[]} pictures @param {string} name @param {boolean} adds */
  #askWith(pictures, name, adds) {
    const { question } = place();
    const old = adds && question ? question : { ...NO_QUESTION, mode: this.#mode === 'face' ? this.#mode : null };
    /** @type {Crumb} */
    const crumb = { name: name || texts.ask.crumb, address: '', picture: `/v1/pictures/${pictures[0]}` };
    go(
      { view: 'search', question: { ...old, pictures, box: null }, watch: null },
      { crumbs: adds ? retouched() : [crumb] },
    );
  }
}

/** The chain to the question that is asked now, which has changed a little. */
function retouched() {
  const chain = crumbs();
  const last = chain.at(-1);
  return last ? [...chain.slice(0, -1), { ...last, address: '' }] : [];
}

customElements.define('ms-ask', Ask);
