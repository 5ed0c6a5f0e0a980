/** Matches that are played one after another, over all files that have them. */

/** @typedef {import('../search.js').Segment} Segment */

/** A still is looked at for so long. */
export const STILL_SECONDS = 3;

export class Playlist {
  /** @param {Segment[]} segments */
  constructor(segments) {
    this.segments = segments;
    this.index = 0;
  }

  /** What is on; null after the last. */
  get current() { return this.segments[this.index] ?? null; }

  /** Whether what is on has been played. @param {string} mediaId @param {number} seconds @param {boolean} ended */
  isOver(mediaId, seconds, ended) {
    const segment = this.current;
    if (!segment || segment.media_id !== mediaId || segment.media_type === 'image') return false;
    return ended || seconds >= segment.end_seconds;
  }

  next() {
    this.index += 1;
    return this.current;
  }
}
