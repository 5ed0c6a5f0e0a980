/**
 * Stretches of time in typed arrays, and what a row of pixels shows of them: ten hours are drawn from these at
 * every frame, so the work is one pass over what is visible.
 */

/**
 * Half-open stretches in order of their starts. `reach[i]` is the latest end of all up to i, so that the first one
 * which is visible can be found by halving.
 * @typedef {object} Series
 * @property {Float64Array} start seconds
 * @property {Float64Array} end seconds
 * @property {Float64Array} reach seconds
 * @property {Float32Array} value score, 0 to 100, or rank, see spans.js
 */

/**
 * @param {ArrayLike<number>} start
 * @param {ArrayLike<number>} end
 * @param {ArrayLike<number>} value
 * @returns {Series}
 */
export function seriesOf(start, end, value) {
  const count = start.length;
  const order = new Uint32Array(count);
  let sorted = true;
  for (let index = 0; index < count; index += 1) {
    order[index] = index;
    if (index && start[index] < start[index - 1]) sorted = false;
  }
  if (!sorted) order.sort((one, other) => start[one] - start[other]);
  const series = {
    start: new Float64Array(count), end: new Float64Array(count), reach: new Float64Array(count),
    value: new Float32Array(count),
  };
  let latest = -Infinity;
  for (let index = 0; index < count; index += 1) {
    const from = order[index];
    latest = Math.max(latest, end[from]);
    series.start[index] = start[from];
    series.end[index] = end[from];
    series.value[index] = value[from];
    series.reach[index] = latest;
  }
  return series;
}

export const EMPTY = seriesOf([], [], []);

/**
 * The first index whose value is above `limit`; values must rise. [1, 3, 5], 3 -> 2
 * @param {ArrayLike<number>} values
 * @param {number} limit
 */
export function firstAbove(values, limit) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The highest value under each of `width` columns that share [from, to) equally; 0 where nothing is.
 * Every stretch that touches [from, to) is in at least one column, however short.
 * @param {Series} series
 * @param {number} from seconds
 * @param {number} to seconds
 * @param {number} width
 */
export function columns(series, from, to, width) {
  const row = new Float32Array(width);
  const { start, end, reach, value } = series;
  const scale = width / (to - from);
  for (let index = firstAbove(reach, from); index < start.length && start[index] < to; index += 1) {
    if (end[index] <= from) continue;
    const first = Math.max(0, Math.floor((start[index] - from) * scale));
    const last = Math.min(width - 1, Math.max(first, Math.ceil((end[index] - from) * scale) - 1));
    for (let column = first; column <= last; column += 1) {
      if (value[index] > row[column]) row[column] = value[index];
    }
  }
  return row;
}
