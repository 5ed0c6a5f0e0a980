/** What part of a video a timeline shows: half-open [from, to) within [0, duration), in seconds. */

const SHORTEST_SECONDS = 0.5;

/** @typedef {{ from: number, to: number, duration: number }} View */

/** @param {number} duration @returns {View} */
export function whole(duration) {
  return { from: 0, to: duration, duration };
}

/**
 * The same view, with its length changed by `factor`; what is at `seconds` stays where it is.
 * @param {View} view
 * @param {number} factor below 1: closer
 * @param {number} seconds
 * @returns {View}
 */
export function zoom(view, factor, seconds) {
  const before = view.to - view.from;
  const length = Math.min(view.duration, Math.max(Math.min(SHORTEST_SECONDS, view.duration), before * factor));
  return moved(view, seconds - (seconds - view.from) * (length / before), length);
}

/** @param {View} view @param {number} seconds later is positive @returns {View} */
export function pan(view, seconds) {
  return moved(view, view.from + seconds, view.to - view.from);
}

/** The same length, with `seconds` in it. @param {View} view @param {number} seconds @returns {View} */
export function follow(view, seconds) {
  if (view.from <= seconds && seconds < view.to) return view;
  const length = view.to - view.from;
  return moved(view, seconds - length * 0.1, length);
}

/** @param {View} view @param {number} from @param {number} length @returns {View} */
export function moved(view, from, length) {
  const start = Math.max(0, Math.min(view.duration - length, from));
  return { from: start, to: start + length, duration: view.duration };
}

/** @param {View} one @param {View} other */
export function same(one, other) {
  return one.from === other.from && one.to === other.to && one.duration === other.duration;
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000];

/**
 * Round times to write on a ruler, at least `leastSeconds` apart.
 * @param {View} view
 * @param {number} leastSeconds
 * @returns {{ seconds: number[], digits: number }}
 */
export function ticks(view, leastSeconds) {
  const step = STEPS.find((one) => one >= leastSeconds) ?? /** @type {number} */ (STEPS.at(-1));
  const first = Math.ceil(view.from / step);
  const count = Math.max(0, Math.floor(view.to / step) - first + 1);
  return { seconds: Array.from({ length: count }, (_, index) => (first + index) * step), digits: step < 1 ? 1 : 0 };
}
