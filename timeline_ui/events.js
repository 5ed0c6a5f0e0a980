/**
 * Every event of the page, and the one place where those travel that are not about an element.
 *
 * Elements ask by events that bubble (REQUEST_...); what has happened is said on `bus` (..._CHANGED).
 */

export const bus = new EventTarget();

/** On bus: the address has changed; `detail` is the new Place, see place.js. */
export const PLACE_CHANGED = 'place-changed';
/** On bus: the answer, or the state of asking, has changed; see search.js. */
export const ANSWER_CHANGED = 'answer-changed';
/** On bus: results were marked or unmarked; see selection.js. */
export const SELECTION_CHANGED = 'selection-changed';
/** On bus: media or jobs of the library have changed; see jobs.js. */
export const LIBRARY_CHANGED = 'library-changed';
/** On bus: the server wants a key, or another one. */
export const KEY_NEEDED = 'key-needed';
/** On bus: somebody has logged in or out; see session.js. */
export const SESSION_CHANGED = 'session-changed';
/** On bus: play these matches one after another; `detail` is { segments }, see search.js. The viewer does it. */
export const PLAY_ALL = 'play-all';
/** On bus: something to tell; `detail` is { text, kind: 'info' | 'error', retry?: () => void }. */
export const TOLD = 'told';

/** Bubbles: look at a moment; `detail` is { mediaId, seconds }. */
export const REQUEST_WATCH = 'request-watch';
/** Bubbles: ask; `detail` is a partial Question, see place.js, and `crumb`, what to call it. */
export const REQUEST_SEARCH = 'request-search';
/** Bubbles from a result: right or wrong; `detail` is { segment, judged: 'up' | 'down' }. */
export const REQUEST_JUDGE = 'request-judge';
/** Bubbles from a timeline: `detail` is { seconds, precise: boolean }. */
export const REQUEST_SEEK = 'request-seek';
/** Bubbles from a timeline: the line was moved; `detail` is { score }. */
export const REQUEST_THRESHOLD = 'request-threshold';
/** Bubbles from boxes on a picture: search for one; `detail` is { box, kind: 'face' | 'region' | 'drawn', name }. */
export const REQUEST_BOX = 'request-box';
/** Bubbles from a player: the picture that is shown is another one, or it plays or stops; see player.js. */
export const PLAYER_CHANGED = 'player-changed';

/**
 * Say something to the person.
 * @param {string} text
 * @param {'info' | 'error'} [kind]
 * @param {() => void} [retry]
 */
export function tell(text, kind = 'info', retry) {
  bus.dispatchEvent(new CustomEvent(TOLD, { detail: { text, kind, retry } }));
}
