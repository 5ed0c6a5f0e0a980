/** Small drawings for buttons whose names are said elsewhere. */

import { html } from './html.js';

const PATHS = {
  play: 'M7 4v16l13-8z',
  pause: 'M6 4h4v16H6zM14 4h4v16h-4z',
  back: 'M9 12l9-7v14zM5 5h3v14H5z',
  forward: 'M15 12L6 5v14zM16 5h3v14h-3z',
  previous: 'M11 12l8-6v12zM3 12l8-6v12z',
  next: 'M13 12L5 6v12zM21 12l-8-6v12z',
  sound: 'M4 9v6h4l5 4V5L8 9zM16 8a5 5 0 0 1 0 8v-2a3 3 0 0 0 0-4z',
  silent: 'M4 9v6h4l5 4V5L8 9zM15 10l1-1 2 2 2-2 1 1-2 2 2 2-1 1-2-2-2 2-1-1 2-2z',
  full: 'M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z',
  closer: 'M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z',
  farther: 'M5 11h14v2H5z',
  fit: 'M3 5h2v14H3zM19 5h2v14h-2zM6 12l4-4v3h4V8l4 4-4 4v-3h-4v3z',
  box: 'M4 4h4v2H6v2H4zM16 4h4v4h-2V6h-2zM4 16h2v2h2v2H4zM18 16h2v4h-4v-2h2zM9 9h6v6H9z',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1 1.500 1.500 1-1a2 2 0 0 1 3 3l-3 3a2 2 0 0 1-3 0zM14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1-1.500-1.500-1 1a2 2 0 0 1-3-3l3-3a2 2 0 0 1 3 0z',
  close: 'M6 5l6 6 6-6 1 1-6 6 6 6-1 1-6-6-6 6-1-1 6-6-6-6z',
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="currentColor" aria-hidden="true"><path d="${PATHS[name]}"></path></svg>`;
}
