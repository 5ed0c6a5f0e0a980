/** Stored boxes of a moment made ready to be clicked. */

import { texts } from '../texts.js';

/**
 * As /v1/media/{id}/boxes has them.
 * @typedef {{ kind: 'face' | 'region' | 'tile', box_xyxy: number[], label: string | null, label_score: number | null }} Stored
 * @typedef {import('../elements/overlay.js').Choice} Choice
 */

const MOST = 40;
/** Two that share more of what they cover together are the same thing. */
const SAME_SHARE = 0.8;

/**
 * Faces first, then what has a name, then the rest; of those that lie on one another the first.
 * @param {Stored[]} stored
 * @returns {Choice[]}
 */
export function choicesOf(stored) {
  const sure = (/** @type {Stored} */ one) => (one.kind === 'face' ? 2 : 0) + (one.label ? 1 + (one.label_score ?? 0) : 0);
  /** @type {Stored[]} */
  const kept = [];
  for (const one of [...stored].sort((first, other) => sure(other) - sure(first))) {
    const known = kept.some((other) => other.kind === one.kind && overlap(other.box_xyxy, one.box_xyxy) > SAME_SHARE);
    if (!known && kept.length < MOST) kept.push(one);
  }
  const numbers = { face: 0, region: 0 };
  return kept.map(({ kind, box_xyxy: box, label, label_score: score }) => {
    const sort = kind === 'face' ? 'face' : 'region';
    if (label) return { box, kind: sort, name: score === null ? label : texts.viewer.sure(label, score), named: true };
    numbers[sort] += 1;
    const name = sort === 'face' ? texts.viewer.faceNumber(numbers.face) : texts.viewer.something(numbers.region);
    return { box, kind: sort, name, named: sort === 'face' };
  });
}

/** Intersection over union. @param {number[]} one @param {number[]} other */
function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (/** @type {number[]} */ box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(one) + area(other) - width * height);
}
