/** Results that were marked, to do something with: they stay marked while other questions are asked. */

import { bus, SELECTION_CHANGED } from './events.js';

/** @typedef {import('./search.js').Segment} Segment */

/** @type {Map<string, Segment>} */
const kept = new Map();

/** The same stretch has the same id in every answer. @param {Segment} segment */
export function idOf(segment) {
  return `${segment.media_id}@${segment.start_seconds}-${segment.end_seconds}`;
}

/** In the order in which they were marked. @returns {Segment[]} */
export function marked() {
  return [...kept.values()];
}

/** @param {Segment} segment */
export function isMarked(segment) {
  return kept.has(idOf(segment));
}

/** @param {Segment[]} segments @param {boolean} yes */
export function mark(segments, yes) {
  for (const segment of segments) {
    if (yes) kept.set(idOf(segment), segment);
    else kept.delete(idOf(segment));
  }
  announce();
}

export function clear() {
  kept.clear();
  announce();
}

function announce() {
  bus.dispatchEvent(new CustomEvent(SELECTION_CHANGED, { detail: marked() }));
}
