/** Where a thing is between the moments at which it was seen. */

/** @typedef {{ seconds: number, box_xyxy: number[] }} BoxAt */

/**
 * The box at a time: in a straight line between two known ones, the nearest before the first and after the last.
 * [{ seconds: 0, box_xyxy: [0, 0, 1, 1] }, { seconds: 2, box_xyxy: [0, 0, 0, 1] }], 1 -> [0, 0, 0.5, 1]
 * @param {BoxAt[]} path in order of time
 * @param {number} seconds
 * @returns {number[] | null} null without a path
 */
export function boxAt(path, seconds) {
  if (!path.length) return null;
  const next = path.findIndex((one) => one.seconds > seconds);
  if (next === 0) return path[0].box_xyxy;
  if (next === -1) return path[path.length - 1].box_xyxy;
  const before = path[next - 1];
  const after = path[next];
  const share = (seconds - before.seconds) / (after.seconds - before.seconds);
  return before.box_xyxy.map((side, index) => side + (after.box_xyxy[index] - side) * share);
}

/** Without a path, the box of the best moment holds this long to both sides. */
const HOLD_SECONDS = 0.5;

/**
 * Where what matched is at a time; null where a whole frame matched.
 * @param {import('../search.js').Segment} segment
 * @param {number} seconds
 */
export function matchAt(segment, seconds) {
  if (segment.path?.length > 1) return boxAt(segment.path, seconds);
  const near = segment.media_type === 'image' || Math.abs(seconds - segment.best_seconds) <= HOLD_SECONDS;
  return near ? segment.box_xyxy : null;
}
