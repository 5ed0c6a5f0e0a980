/** The question of the address, asked; the answer, whole or so far, for whoever shows it. */

import { ANSWER_CHANGED, bus, PLACE_CHANGED, tell } from './events.js';
import { ApiError, askJson, isAbort } from './lib/api.js';
import { place } from './place.js';

/**
 * `none` is below the line: what comes nearest, if that was asked for.
 * @typedef {'high' | 'medium' | 'low' | 'none'} Confidence
 *
 * One stretch in which the thing appears, as POST /v1/search returns it.
 * @typedef {object} Segment
 * @property {string} media_id
 * @property {string} media
 * @property {'image' | 'video'} media_type
 * @property {number} start_seconds
 * @property {number} end_seconds
 * @property {number} score
 * @property {Confidence} confidence
 * @property {number} best_seconds
 * @property {number[] | null} box_xyxy
 * @property {string} evidence
 * @property {string | null} label
 * @property {{ seconds: number, box_xyxy: number[] }[]} path
 * @property {boolean} refined
 *
 * @typedef {object} Group
 * @property {string} media_id
 * @property {string} media
 * @property {'image' | 'video'} media_type
 * @property {number} score
 * @property {Confidence} confidence
 * @property {number} segment_count
 *
 * What is known: `state` is `none` when nothing is asked, `stopped` when somebody did not want to wait. While
 * `asking`, what is here answers the question before.
 * @typedef {object} Answer
 * @property {'none' | 'asking' | 'ready' | 'failed' | 'stopped'} state
 * @property {'still' | 'coming' | 'failed'} paging whether a further page is on its way; `error` says why not
 * @property {string | null} queryId
 * @property {string} message
 * @property {Segment[]} segments of the pages that have come
 * @property {Group[] | null} groups
 * @property {string | null} nextPage
 * @property {number} remaining
 * @property {ApiError | null} error
 */

/** @type {Answer} */
const NOTHING = Object.freeze({
  state: 'none', paging: 'still', queryId: null, message: '', segments: [], groups: null, nextPage: null,
  remaining: 0, error: null,
});

/** Segments, or media files when they are grouped, of one page. */
const A_PAGE = 24, GROUPS_A_PAGE = 8;

/** @type {Answer} */
let current = NOTHING;
/** What `current` answers: the part of the address that the server is asked. */
let asked = '';
/** Belongs to the latest request: a reply to another one comes too late, and nobody hears it. */
let running = new AbortController();
/** What there is to see if that request comes to nothing. */
let otherwise = NOTHING;

/** @returns {Answer} */
export function answer() {
  return current;
}

/** @param {Partial<Answer>} change */
function set(change) {
  current = { ...current, ...change };
  bus.dispatchEvent(new CustomEvent(ANSWER_CHANGED, { detail: current }));
}

/** Ask whenever the address asks something else than before. */
export function start() {
  bus.addEventListener(PLACE_CHANGED, () => {
    if (key() !== asked) askAgain();
  });
}

/** What the server is asked, as text: the threshold and the viewer do not belong to it. */
function key() {
  const { question, filters } = place();
  return question ? JSON.stringify([question, { ...filters, score: 0 }]) : '';
}

/** Ask what the address asks, also when it was asked before. */
export async function askAgain() {
  asked = key();
  running.abort();
  running = new AbortController();
  if (!place().question) {
    current = NOTHING;
    set({});
    return;
  }
  otherwise = { ...NOTHING, state: 'stopped' };
  // Those that were there stay to be looked at until others come.
  set({ state: 'asking', paging: 'still', error: null });
  await take(askJson('/search', { form: form(), signal: running.signal }), running.signal);
}

/** Stop waiting for the answer. `askAgain` goes on. */
export function cancel() {
  if (current.state !== 'asking') return;
  running.abort();
  set(otherwise);
}

/** The next page joins the answer. */
export async function more() {
  if (current.state !== 'ready' || current.paging === 'coming' || !current.nextPage) return;
  const before = current;
  set({ paging: 'coming', error: null });
  await take(askJson(`/search/pages/${before.nextPage}`, { signal: running.signal }), running.signal, before);
}

/**
 * The same question, after somebody has said what was right and what was wrong.
 * @param {{ media_id: string, at_seconds: number, box_xyxy: number[] | null }[]} like
 * @param {{ media_id: string, at_seconds: number, box_xyxy: number[] | null }[]} unlike
 */
export async function feedback(like, unlike) {
  if (!current.queryId) return;
  const before = current;
  running.abort();
  running = new AbortController();
  otherwise = before;
  set({ state: 'asking', paging: 'still', error: null });
  const path = `/search/${before.queryId}/feedback`;
  await take(askJson(path, { json: { more: like, less: unlike }, signal: running.signal }), running.signal);
}

/**
 * @param {Promise<any>} reply
 * @param {AbortSignal} signal
 * @param {Answer} [before] what the reply continues
 */
async function take(reply, signal, before) {
  try {
    const page = await reply;
    if (signal.aborted) return;
    set({
      state: 'ready', paging: 'still', queryId: page.query_id, message: page.message, nextPage: page.next_page_token,
      segments: [...(before?.segments ?? []), ...page.segments],
      groups: page.groups && [...(before?.groups ?? []), ...page.groups],
      remaining: page.remaining, error: null,
    });
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (before) set({ paging: 'failed', error });
    else if (otherwise.state === 'ready') {
      set(otherwise);
      tell(error.message, 'error');
    } else set({ ...NOTHING, state: 'failed', error });
  }
}

function form() {
  const { question, filters } = place();
  const fields = new FormData();
  if (!question) return fields;
  question.pictures.forEach((id) => fields.append('picture_id', id));
  if (question.mediaId) {
    fields.append('media_id', question.mediaId);
    fields.append('at_seconds', String(question.seconds));
  }
  if (question.box) fields.append('box', question.box.join(','));
  if (question.words) fields.append('words', question.words);
  if (question.mode) fields.append('mode', question.mode);
  if (question.person) fields.append('person', question.person);
  if (filters.only) fields.append('only', filters.only);
  fields.append('min_confidence', filters.confidence);
  filters.labels.forEach((label) => fields.append('label', label));
  if (filters.name) fields.append('name_contains', filters.name);
  filters.tags.forEach((tag) => fields.append('tag', tag));
  fields.append('sort', filters.sort);
  if (filters.grouped) fields.append('group_by', 'media');
  fields.append('limit', String(filters.grouped ? GROUPS_A_PAGE : A_PAGE));
  return fields;
}
