/** Who asks, and what they may do. */

import { bus, SESSION_CHANGED } from './events.js';
import { askJson } from './lib/api.js';

/**
 * As GET /v1/session has it; `scope` is null while nobody is logged in.
 * @typedef {{ key_needed: boolean, name: string | null, scope: 'read' | 'ingest' | 'admin' | null }} Session
 */

const SCOPES = ['read', 'ingest', 'admin'];

/** @type {Session} */
let current = { key_needed: false, name: null, scope: null };

/** @returns {Session} */
export function session() {
  return current;
}

/** Whether whoever asks may do what needs this scope. @param {'read' | 'ingest' | 'admin'} needed */
export function allows(needed) {
  return current.scope !== null && SCOPES.indexOf(current.scope) >= SCOPES.indexOf(needed);
}

/** Ask the server who we are. Raises ApiError. */
export async function look() {
  set(await askJson('/session'));
}

/** Raises ApiError: 401 when there is no such key. @param {string} key */
export async function logIn(key) {
  set(await askJson('/session', { json: { key } }));
}

/** Raises ApiError. */
export async function logOut() {
  set(await askJson('/session', { method: 'DELETE' }));
}

/**
 * Controls that not everybody may use say so: data-needs="ingest". Sheets hide them, see elements/key.css.
 * @param {Session} session
 */
function set(session) {
  const before = current.scope;
  current = session;
  document.documentElement.dataset.scope = session.scope ?? 'nothing';
  if (before !== current.scope) bus.dispatchEvent(new CustomEvent(SESSION_CHANGED, { detail: current }));
}
