/** Somebody whose faces were grouped: a picture, a name to give, where to see them. */

import { REQUEST_SEARCH, REQUEST_WATCH } from '../events.js';
import { ApiError, askJson, frameUrl } from '../lib/api.js';
import { clock } from '../lib/format.js';
import { find, html, render } from '../lib/html.js';
import { showWhenSeen } from '../lib/pictures.js';
import { NO_FILTERS, write } from '../place.js';
import { texts } from '../texts.js';

/**
 * As GET /v1/people has it.
 * @typedef {{ id: string, name: string | null, faces: number, media: number, cover_face_id: string | null }} Somebody
 *
 * @typedef {object} Appearance
 * @property {string} media_id
 * @property {string} media
 * @property {'image' | 'video'} media_type
 * @property {number} start_seconds
 * @property {number} end_seconds
 * @property {number} best_seconds
 * @property {number[]} box_xyxy
 * @property {string} face_id
 */

/** Bubbles: people are others than before. */
export const PEOPLE_CHANGED = 'people-changed';
/** Bubbles: somebody was chosen, or not any more, to be merged. */
export const PERSON_CHOSEN = 'person-chosen';

const PICTURE_PX = 256;

export class Person extends HTMLElement {
  /** @type {Somebody | null} */
  #person = null;
  #shown = '';

  /** @returns {Somebody | null} */
  get person() {
    return this.#person;
  }

  set person(person) {
    this.#person = person;
    this.update();
  }

  get chosen() {
    return /** @type {HTMLInputElement | null} */ (this.querySelector('[name="chosen"]'))?.checked ?? false;
  }

  connectedCallback() {
    for (const type of ['click', 'submit', 'change', 'keydown', 'focusout']) this.addEventListener(type, this);
    this.update();
  }

  /** @param {Event} event */
  handleEvent(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const naming = target.closest('form');
    if (event.type === 'submit') {
      event.preventDefault();
      void this.#name();
    } else if (event.type === 'keydown') {
      if (naming && /** @type {KeyboardEvent} */ (event).key === 'Escape') this.#unname();
    } else if (event.type === 'focusout') {
      if (naming) void this.#name();
    } else if (event.type === 'change') {
      if (/** @type {HTMLInputElement} */ (target).name === 'chosen') this.#say(PERSON_CHOSEN);
    } else if (target.closest('[data-do="search"]')) this.#search();
    else if (target.closest('[data-do="seen"]')) void this.#seen();
  }

  update() {
    const person = this.#person;
    if (!person || !this.isConnected) return;
    const facts = JSON.stringify(person);
    if (facts === this.#shown) return;
    this.#shown = facts;
    const { id, name, faces, media, cover_face_id } = person;
    const called = name ?? texts.people.nobody;
    const stood = this.contains(document.activeElement) ? document.activeElement?.getAttribute('data-do') : null;
    const chosen = this.chosen;
    render(this, html`
      <label class="choose" data-needs="ingest"><input type="checkbox" name="chosen">
        <span class="visually-hidden">${texts.people.choose(called)}</span></label>
      <img alt="" decoding="async" width="128" height="128">
      <form>
        <input type="text" name="name" maxlength="100" dir="auto" value="${name ?? ''}" placeholder="${texts.people.who}"
          aria-label="${texts.people.nameOf(called)}" autocomplete="off">
        <small class="wrong" role="alert"></small>
      </form>
      <p class="about">${texts.people.about(faces, media)}</p>
      <div class="does">
        <button data-do="search" aria-label="${texts.people.searchFor(called)}">${texts.people.search}</button>
        <button data-do="seen" aria-label="${texts.people.seenOf(called)}">${texts.people.seen}</button>
      </div>`);
    /** @type {HTMLInputElement} */ (find(this, '[name="chosen"]')).checked = chosen;
    if (stood) /** @type {HTMLElement | null} */ (this.querySelector(`[data-do="${stood}"]`))?.focus();
    const image = /** @type {HTMLImageElement} */ (find(this, 'img'));
    image.addEventListener('error', () => image.classList.add('none'));
    showWhenSeen(image, `/v1/people/${id}/face.jpg?max_side_px=${PICTURE_PX}&of=${cover_face_id ?? ''}`);
  }

  /** @returns {HTMLInputElement} */
  get #field() {
    return /** @type {HTMLInputElement} */ (find(this, '[name="name"]'));
  }

  #unname() {
    this.#field.value = this.#person?.name ?? '';
    find(this, '.wrong').textContent = '';
  }

  async #name() {
    const person = this.#person;
    const name = this.#field.value.trim() || null;
    if (!person || name === person.name) return;
    try {
      this.#person = await askJson(`/people/${person.id}`, { method: 'PATCH', json: { name } });
      find(this, '.wrong').textContent = '';
      this.#say(PEOPLE_CHANGED);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      find(this, '.wrong').textContent = error.message;
    }
  }

  #search() {
    const person = this.#person;
    if (!person) return;
    this.#say(REQUEST_SEARCH, {
      person: person.id,
      crumb: {
        name: person.name ?? texts.people.nobody, address: '', picture: `/v1/people/${person.id}/face.jpg?max_side_px=160`,
      },
    });
  }

  /** Every place where they are seen, to be looked at or taken away from them. */
  async #seen() {
    const person = this.#person;
    if (!person) return;
    const dialog = document.createElement('dialog');
    dialog.className = 'appearances';
    dialog.setAttribute('aria-labelledby', 'appearances-title');
    render(dialog, html`
      <header><h2 id="appearances-title"><bdi>${texts.people.seenOf(person.name ?? texts.people.nobody)}</bdi></h2>
        <button class="close" autofocus>${texts.app.close}</button></header>
      <p class="said" role="status">${texts.people.looking}</p>
      <ul></ul>`);
    this.append(dialog);
    dialog.showModal();
    dialog.addEventListener('close', () => dialog.remove());
    dialog.addEventListener('click', (event) => void this.#inDialog(event, dialog));
    await this.#list(dialog, person.id);
  }

  /** @param {HTMLDialogElement} dialog @param {string} id */
  async #list(dialog, id) {
    try {
      /** @type {{ data: Appearance[], remaining: number }} */
      const { data, remaining } = await askJson(`/people/${id}/appearances`);
      find(dialog, '.said').textContent = texts.people.appearances(data.length, remaining);
      render(find(dialog, 'ul'), html`${data.map((one) => {
        const when = one.media_type === 'image' ? '' : `${clock(one.start_seconds, 1)}–${clock(one.end_seconds, 1)}`;
        const watch = { mediaId: one.media_id, seconds: one.best_seconds };
        return html`<li data-face="${one.face_id}">
          <a href="/${write({ view: 'people', question: null, filters: NO_FILTERS, watch })}"
            data-media="${one.media_id}" data-seconds="${one.best_seconds}">
            <span class="frame"><img alt=""></span>
            <span class="name" dir="auto" title="${one.media}">${one.media}</span> <small>${when}</small></a>
          <button class="refuse" data-needs="ingest"
            aria-label="${texts.people.refuseOf(one.media, when)}">${texts.people.refuse}</button></li>`;
      })}`);
      const frames = dialog.querySelectorAll('.frame');
      data.forEach((one, index) => {
        const image = /** @type {HTMLImageElement} */ (find(frames[index], 'img'));
        showWhenSeen(image, frameUrl(one.media_id, one.best_seconds, 320));
        this.#point(frames[index], one.box_xyxy);
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      find(dialog, '.said').textContent = error.message;
    }
  }

  /** The face's box over the frame, whatever the frame's shape. @param {Element} frame @param {number[]} box */
  #point(frame, [x1, y1, x2, y2]) {
    const mark = document.createElement('i');
    Object.assign(mark.style, {
      left: `${x1 * 100}%`, top: `${y1 * 100}%`, width: `${(x2 - x1) * 100}%`, height: `${(y2 - y1) * 100}%`,
    });
    frame.append(mark);
  }

  /** @param {MouseEvent} event @param {HTMLDialogElement} dialog */
  async #inDialog(event, dialog) {
    const target = /** @type {Element} */ (event.target);
    const link = target.closest('a');
    if (target.closest('.close')) dialog.close();
    else if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      dialog.close();
      this.#say(REQUEST_WATCH, { mediaId: link.dataset.media, seconds: Number(link.dataset.seconds) });
    } else if (target.closest('.refuse')) {
      const face = target.closest('li')?.dataset.face;
      const id = this.#person?.id ?? '';
      try {
        await askJson(`/people/${id}/faces/${face}`, { method: 'DELETE' });
        this.#say(PEOPLE_CHANGED);
        await this.#list(dialog, id);
        find(dialog, '.close').focus();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // Without any face left there is no such person any more.
        if (error.status === 404) dialog.close();
        else find(dialog, '.said').textContent = error.message;
      }
    }
  }

  /** @param {string} type @param {object} [detail] */
  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

/** @param {Somebody} person how many letters of a name, or faces, speak for keeping this one */
export function weight(person) {
  return (person.name ? 1e9 : 0) + person.faces;
}

customElements.define('ms-person', Person);
