/** The small pictures of a video: WebVTT whose cues name a sheet and a place in it. */

/**
 * @typedef {{ start: number, end: number, sheet: string, x: number, y: number, width: number, height: number }} Cue
 */

const CUE = /([\d:.]+) --> ([\d:.]+)[^\n]*\n([\w.-]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

/**
 * @param {string} text
 * @param {string} folder what the names of sheets are relative to, with / at its end
 * @returns {Cue[]} in order of time
 */
export function readStoryboard(text, folder) {
  return Array.from(text.replaceAll('\r\n', '\n').matchAll(CUE), ([, start, end, name, ...place]) => {
    const [x, y, width, height] = place.map(Number);
    return { start: secondsOf(start), end: secondsOf(end), sheet: folder + name, x, y, width, height };
  });
}

/** 01:02:03.500 -> 3723.5 @param {string} clock */
function secondsOf(clock) {
  return clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
}

/** @param {Cue[]} cues @param {number} seconds @returns {Cue | null} */
export function cueAt(cues, seconds) {
  let low = 0;
  let high = cues.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (cues[middle].start <= seconds) low = middle;
    else high = middle - 1;
  }
  return cues[low] ?? null;
}

/**
 * Show a cue as an element's background, `width` CSS pixels wide.
 * @param {HTMLElement} element
 * @param {Cue} cue
 * @param {number} width
 */
export function showCue(element, cue, width) {
  // One cell of the sheet is enlarged to the element, and the sheet with it.
  const scale = width / cue.width;
  const style = element.style;
  style.width = `${width}px`;
  style.height = `${Math.round(cue.height * scale)}px`;
  style.backgroundImage = `url("${cue.sheet}")`;
  style.backgroundPosition = `${-cue.x * scale}px ${-cue.y * scale}px`;
  const size = sheetSizes.get(cue.sheet);
  if (size) {
    style.backgroundSize = `${size.width * scale}px ${size.height * scale}px`;
    return;
  }
  const picture = new Image();
  picture.onload = () => {
    sheetSizes.set(cue.sheet, { width: picture.naturalWidth, height: picture.naturalHeight });
    if (style.backgroundImage.includes(cue.sheet)) showCue(element, cue, width);
  };
  picture.src = cue.sheet;
}

/** @type {Map<string, { width: number, height: number }>} */
const sheetSizes = new Map();
