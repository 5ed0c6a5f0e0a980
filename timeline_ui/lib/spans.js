/**
 * What a timeline shows as matching, for a line that can be moved.
 *
 * The rule: a match that the search found is shown, whole, while its score reaches the line. Where the line is
 * below that of the search itself, stretches in which the curve reaches the line, and which no match touches, join.
 */

import { EMPTY, seriesOf } from './series.js';

/** @typedef {import('../search.js').Segment} Segment */
/** @typedef {import('./series.js').Series} Series */
/** @typedef {{ low: number, medium: number, high: number }} Thresholds scores where each confidence begins */

/**
 * A half-open stretch that is shown; `segment` is null where only the curve reaches the line.
 * @typedef {object} Span
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {number} score
 * @property {'high' | 'medium' | 'low' | 'none'} confidence
 * @property {Segment | null} segment
 */

/** By sureness; 0 is nothing. */
export const RANKS = Object.freeze({ none: 1, low: 2, medium: 3, high: 4 });

/** Stretches of the curve that are at most this far apart are one. */
const BRIDGE_SECONDS = 1;

/**
 * @param {Segment[]} segments all of one media file
 * @param {Series} curve
 * @param {number} line
 * @param {{ thresholds: Thresholds, asked: number } | null} scale null: nothing is known but the segments.
 *   `asked` is the score that the search itself asks for.
 * @returns {Span[]} in order of time
 */
export function spansAbove(segments, curve, line, scale) {
  /** @type {Span[]} */
  const spans = segments.filter(({ score }) => score >= line).map((segment) => ({
    start: segment.start_seconds, end: segment.end_seconds, score: segment.score,
    confidence: segment.confidence, segment,
  }));
  if (scale && line < scale.asked) spans.push(...left(segments, curve, line, scale.thresholds));
  return spans.sort((one, other) => one.start - other.start);
}

/**
 * Where the curve reaches the line outside of all segments.
 * @param {Segment[]} segments
 * @param {Series} curve
 * @param {number} line
 * @param {Thresholds} thresholds
 */
function left(segments, curve, line, thresholds) {
  const taken = seriesOf(
    segments.map((one) => one.start_seconds), segments.map((one) => one.end_seconds), segments.map(() => 1),
  );
  /** @type {Span[]} */
  const found = [];
  // Both are in order of time, so one pass sees which touch.
  let next = 0;
  /** @type {Span | null} */
  let last = null;
  for (let index = 0; index < curve.start.length; index += 1) {
    const start = curve.start[index];
    const end = curve.end[index];
    const score = curve.value[index];
    while (next < taken.reach.length && taken.reach[next] <= start) next += 1;
    const touched = next < taken.start.length && taken.start[next] < end;
    if (touched) last = null;
    if (touched || score < line) continue;
    if (last && start - last.end <= BRIDGE_SECONDS) {
      last.end = Math.max(last.end, end);
      last.score = Math.max(last.score, score);
    } else {
      last = { start, end, score, confidence: 'none', segment: null };
      found.push(last);
    }
  }
  for (const span of found) span.confidence = confidenceOf(span.score, thresholds);
  return found;
}

/** @param {number} score @param {Thresholds} thresholds @returns {Span['confidence']} */
export function confidenceOf(score, thresholds) {
  if (score >= thresholds.high) return 'high';
  if (score >= thresholds.medium) return 'medium';
  return score >= thresholds.low ? 'low' : 'none';
}

/** @param {Span[]} spans @returns {Series} for drawing: values are ranks */
export function ranksOf(spans) {
  if (!spans.length) return EMPTY;
  return seriesOf(spans.map((one) => one.start), spans.map((one) => one.end),
    spans.map((one) => RANKS[one.confidence]));
}

/**
 * The span at a time, the best where several are.
 * @param {Span[]} spans
 * @param {number} seconds
 */
export function spanAt(spans, seconds) {
  /** @type {Span | null} */
  let best = null;
  for (const span of spans) {
    if (span.start <= seconds && seconds < span.end && (!best || span.score > best.score)) best = span;
  }
  return best;
}

/** Nearer than this the same frame is shown. */
const SAME_SECONDS = 0.04;

/** The next span that begins after a time. @param {Span[]} spans @param {number} seconds */
export function spanAfter(spans, seconds) {
  return spans.find(({ start }) => start > seconds + SAME_SECONDS) ?? null;
}

/**
 * The span that began before a time; in the first second of one, the one before it.
 * @param {Span[]} spans
 * @param {number} seconds
 */
export function spanBefore(spans, seconds) {
  const at = spanAt(spans, seconds);
  const limit = at && seconds - at.start < 1 ? at.start : seconds;
  return spans.findLast(({ start }) => start < limit - SAME_SECONDS) ?? null;
}
