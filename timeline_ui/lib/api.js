/** The server's HTTP interface. Everything the page asks goes through `ask`. */

import { bus, KEY_NEEDED } from '../events.js';
import { texts } from '../texts.js';

/** What the server, or the way to it, has against a request. `status` 0: no answer came. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @typedef {{signal?: AbortSignal, method?: string, json?: unknown, form?: FormData, body?: Blob}} Options
 */

/**
 * The reply. Raises ApiError, and AbortError when `signal` was aborted. Waits and asks again, a few times, while
 * the server says that too many ask.
 * @param {string} path under /v1
 * @param {Options} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}) {
  const { signal, json, form, body } = options;
  const method = options.method ?? (json !== undefined || form || body ? 'POST' : 'GET');
  for (let tries = 0; ; tries += 1) {
    let reply;
    try {
      reply = await fetch(`/v1${path}`, {
        method, signal, credentials: 'same-origin',
        headers: json === undefined ? {} : { 'Content-Type': 'application/json' },
        body: json === undefined ? form ?? body : JSON.stringify(json),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, 'no_answer', texts.errors.offline);
    }
    if (reply.ok) return reply;
    if (reply.status === 429 && tries < 3) {
      await sleep(1000 * Number(reply.headers.get('Retry-After') ?? 1), signal);
      continue;
    }
    const error = await problem(reply);
    if (error.status === 401) bus.dispatchEvent(new CustomEvent(KEY_NEEDED));
    throw error;
  }
}

/**
 * The reply's JSON.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function askJson(path, options) {
  const reply = await ask(path, options);
  return reply.json();
}

/** @param {Response} reply */
async function problem(reply) {
  try {
    const { code, message } = await reply.json();
    return new ApiError(reply.status, String(code), String(message));
  } catch {
    return new ApiError(reply.status, 'unreadable', texts.errors.unreadable);
  }
}

/** @param {number} ms @param {AbortSignal} [signal] */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === 'AbortError';
}

/**
 * Addresses of what elements show.
 * @param {string} mediaId
 */
export function fileUrl(mediaId) {
  return `/v1/media/${encodeURIComponent(mediaId)}/file`;
}

/** @param {string} mediaId @param {number} seconds @param {number} [maxSidePx] */
export function frameUrl(mediaId, seconds, maxSidePx = 480) {
  return `/v1/media/${encodeURIComponent(mediaId)}/frame?at_seconds=${seconds}&max_side_px=${maxSidePx}`;
}

/** @param {string} mediaId */
export function storyboardUrl(mediaId) {
  return `/v1/media/${encodeURIComponent(mediaId)}/storyboard.vtt`;
}
