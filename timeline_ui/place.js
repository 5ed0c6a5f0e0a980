/**
 * Where the page is: what the address says, and nothing that it does not say. A copied address opens the same
 * question, video, time and filters again.
 */

import { bus, PLACE_CHANGED } from './events.js';

/**
 * What is asked. Pictures are ids of POST /v1/pictures; `box` is on the only picture, or on the moment's frame.
 * @typedef {object} Question
 * @property {string[]} pictures
 * @property {string | null} mediaId a moment of the library instead of a picture
 * @property {number} seconds of that moment
 * @property {number[] | null} box x1, y1, x2, y2 in shares of the picture
 * @property {string} words
 * @property {'object' | 'scene' | 'face' | null} mode null: object with a box, scene without
 * @property {string | null} person id of one of /v1/people
 *
 * What may be returned.
 * @typedef {object} Filters
 * @property {'image' | 'video' | null} only
 * @property {'none' | 'low' | 'medium' | 'high'} confidence the least; none: also what comes nearest below the line
 * @property {string[]} labels
 * @property {string} name part of a file name
 * @property {string[]} tags
 * @property {'score' | 'time'} sort
 * @property {boolean} grouped by media file
 * @property {number} score the least, 0 to 100: applied here at once, not asked of the server
 *
 * @typedef {object} Place
 * @property {'search' | 'library' | 'people'} view
 * @property {Question | null} question
 * @property {Filters} filters
 * @property {{ mediaId: string, seconds: number } | null} watch what is open in the viewer
 */

/** @type {Filters} */
export const NO_FILTERS = Object.freeze({
  only: null, confidence: 'low', labels: [], name: '', tags: [], sort: 'score', grouped: false, score: 0,
});
/** @type {Question} */
export const NO_QUESTION = Object.freeze({
  pictures: [], mediaId: null, seconds: 0, box: null, words: '', mode: null, person: null,
});

/** @param {string} search the address's part from ? on @returns {Place} */
export function read(search) {
  const given = new URLSearchParams(search);
  const number = (/** @type {string} */ name) => {
    const value = Number(given.get(name));
    return Number.isFinite(value) ? value : 0;
  };
  /** @template T @param {string} name @param {readonly T[]} allowed @param {T} otherwise @returns {T} */
  const one = (name, allowed, otherwise) =>
    allowed.find((value) => value === /** @type {unknown} */ (given.get(name))) ?? otherwise;
  const corners = (given.get('box') ?? '').split(',').map(Number);
  const box = corners.length === 4 && corners.every((side) => side >= 0 && side <= 1) ? corners : null;
  const question = {
    pictures: given.getAll('picture'), mediaId: given.get('media'), seconds: number('at'), box,
    words: given.get('words') ?? '', mode: one('mode', /** @type {const} */ (['object', 'scene', 'face']), null),
    person: given.get('person'),
  };
  const asked = question.pictures.length || question.mediaId || question.words || question.person;
  const watched = given.get('watch');
  return {
    view: one('view', /** @type {const} */ (['search', 'library', 'people']), 'search'),
    question: asked ? question : null,
    filters: {
      only: one('only', /** @type {const} */ (['image', 'video']), null),
      confidence: one('confidence', /** @type {const} */ (['none', 'low', 'medium', 'high']), 'low'),
      labels: given.getAll('label'), name: given.get('name') ?? '', tags: given.getAll('tag'),
      sort: one('sort', /** @type {const} */ (['score', 'time']), 'score'),
      grouped: given.get('group') === 'media', score: Math.min(100, Math.max(0, number('score'))),
    },
    watch: watched ? { mediaId: watched, seconds: number('t') } : null,
  };
}

/** The inverse of read. @param {Place} place @returns {string} */
export function write(place) {
  const said = new URLSearchParams();
  const { view, question, filters, watch } = place;
  /** @param {string} name @param {unknown} value @param {unknown} [usual] */
  const say = (name, value, usual) => {
    if (value !== usual && value !== null && value !== '') said.append(name, String(value));
  };
  say('view', view, 'search');
  if (question) {
    question.pictures.forEach((id) => say('picture', id));
    say('media', question.mediaId);
    if (question.mediaId) say('at', question.seconds, 0);
    say('box', question.box?.map((side) => Number(side.toFixed(4))).join(',') ?? null);
    say('words', question.words);
    say('mode', question.mode);
    say('person', question.person);
  }
  say('only', filters.only);
  say('confidence', filters.confidence, NO_FILTERS.confidence);
  filters.labels.forEach((label) => say('label', label));
  say('name', filters.name);
  filters.tags.forEach((tag) => say('tag', tag));
  say('sort', filters.sort, NO_FILTERS.sort);
  say('group', filters.grouped ? 'media' : null);
  say('score', filters.score, 0);
  if (watch) {
    say('watch', watch.mediaId);
    say('t', Number(watch.seconds.toFixed(3)), 0);
  }
  const text = said.toString();
  return text ? `?${text}` : '';
}

let here = read(location.search);

/** @returns {Place} */
export function place() {
  return here;
}

/**
 * One of the questions that led here, the oldest first, the last one that is asked now; kept with the entry of the
 * browser's history.
 * @typedef {{ name: string, address: string, picture: string | null }} Crumb
 * @returns {Crumb[]}
 */
export function crumbs() {
  return history.state?.crumbs ?? [];
}

/**
 * Go elsewhere: what is not given stays. A step that Back undoes, unless `replace`.
 * @param {Partial<Place>} change
 * @param {{ replace?: boolean, crumbs?: Crumb[] }} [options]
 */
export function go(change, options = {}) {
  here = { ...here, ...change };
  const address = location.pathname + write(here);
  // A crumb without an address is that of the question that is asked now.
  const chain = (options.crumbs ?? crumbs()).map((crumb) => (crumb.address ? crumb : { ...crumb, address }));
  const state = { crumbs: chain };
  if (options.replace) history.replaceState(state, '', address);
  else history.pushState(state, '', address);
  announce();
}

function announce() {
  bus.dispatchEvent(new CustomEvent(PLACE_CHANGED, { detail: here }));
}

/** From now on the browser's own Back and Forward are followed. */
export function follow() {
  addEventListener('popstate', () => {
    here = read(location.search);
    announce();
  });
  announce();
}
