/** What the library is as a whole, and what its server takes. */

import { askJson } from './lib/api.js';

/**
 * As GET /v1/library has it.
 * @typedef {object} Facts
 * @property {number} videos
 * @property {number} stills
 * @property {number} hours
 * @property {number} points
 * @property {number} index_bytes
 * @property {string} profile
 * @property {{ embedder: string, detector: string, faces: string | null }} models
 * @property {{ words: boolean, faces: boolean, paths: boolean, max_media_mb: number }} offers
 */

/**
 * Raises ApiError, and AbortError when `signal` was aborted. Controls for what is not offered say so, as
 * data-wants="faces"; sheets hide them, see elements/key.css.
 * @param {AbortSignal} [signal]
 * @returns {Promise<Facts>}
 */
export async function lookAtFacts(signal) {
  /** @type {Facts} */
  const facts = await askJson('/library', { signal });
  const lacks = Object.entries(facts.offers).filter(([, offered]) => offered === false).map(([name]) => name);
  document.documentElement.dataset.lacks = lacks.join(' ');
  return facts;
}
