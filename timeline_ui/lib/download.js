/** Replies of the server as files of the person who looks; text onto the clipboard. */

import { ask } from './api.js';

/**
 * Ask, and save what comes under the name that the server gives it; the name. Raises ApiError, and AbortError when
 * `signal` was aborted.
 * @param {string} path under /v1
 * @param {unknown} json
 * @param {AbortSignal} signal
 * @param {(received: number, whole: number) => void} onProgress bytes; called once the reply comes in
 */
export async function download(path, json, signal, onProgress) {
  const reply = await ask(path, { json, signal });
  const whole = Number(reply.headers.get('Content-Length') ?? 0);
  /** @type {BlobPart[]} */
  const pieces = [];
  let received = 0;
  if (reply.body) {
    const reader = reply.body.getReader();
    for (let next; !(next = await reader.read()).done;) {
      pieces.push(next.value);
      received += next.value.length;
      onProgress(received, whole);
    }
  }
  const name = fileName(reply.headers.get('Content-Disposition') ?? '');
  save(new Blob(pieces, { type: reply.headers.get('Content-Type') ?? '' }), name);
  return name;
}

/**
 * `attachment; filename*=utf-8''caf%C3%A9.zip` -> "café.zip"
 * @param {string} disposition
 */
export function fileName(disposition) {
  const coded = /filename\*=utf-8''([^;]+)/i.exec(disposition)?.[1];
  return coded ? decodeURIComponent(coded) : /filename="?([^";]+)"?/i.exec(disposition)?.[1] ?? 'momentseek';
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the browser has yet to take it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Whether the browser let us. @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is no clipboard for pages without https, unless they come from this machine.
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'visually-hidden';
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}
