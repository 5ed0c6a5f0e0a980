/**
 * Draws a timeline: the curve, what matches, cuts and times. Lengths are device pixels unless they say otherwise.
 *
 * All but the words is written pixel by pixel, so that thousands of matches cost no more than one.
 */

import { clock } from './format.js';
import { columns, firstAbove } from './series.js';
import { ticks } from './view.js';

/** Heights of a lane in CSS pixels, from the top: times, the curve, a gap, the band of matches. */
export const RULER = 22;
const BAND = 18;
/** The curve's floor is this far above the lane's. */
export const UNDER = BAND + 3;

/**
 * How each rank looks in the band, so that sureness can be read without colours: the share of its height, and
 * stripes, `thick` of every `apart` CSS pixels.
 */
const LOOKS = [
  { share: 0, apart: 1, thick: 0 },
  { share: 0.3, apart: 6, thick: 1 },
  { share: 0.45, apart: 6, thick: 2 },
  { share: 0.7, apart: 5, thick: 3 },
  { share: 1, apart: 1, thick: 1 },
];
const TINT = 0.14;
const MIX = 0.55;
const LABEL_APART = 88;

/**
 * Colours as canvases want them, and as pixels; by rank where there are several.
 * @typedef {object} Palette
 * @property {string} faint
 * @property {string} line
 * @property {string} font
 * @property {number} cutPixel
 * @property {number} curvePixel
 * @property {number[]} solid
 * @property {number[]} tinted what is behind the curve
 * @property {number[]} mixed the curve itself
 *
 * @typedef {object} Scene
 * @property {import('./view.js').View} view
 * @property {import('./series.js').Series} curve
 * @property {import('./series.js').Series} ranks
 * @property {Float64Array} cuts seconds, rising
 * @property {Palette} palette
 * @property {number} ratio device pixels to a CSS pixel
 */

/**
 * The colours that custom properties have here and now: light or dark, whatever the sheet says.
 * @param {HTMLElement} element
 * @param {number} ratio
 * @returns {Palette}
 */
export function paletteOf(element, ratio) {
  const probe = document.createElement('i');
  probe.hidden = true;
  element.append(probe);
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const faint = colour('--faint');
  const line = colour('--line');
  const curve = channels(colour('--curve'));
  const ranks = [faint, faint, ...['--low', '--medium', '--high'].map(colour)].map(channels);
  probe.remove();
  return {
    faint, line, font: `${Math.round(11 * ratio)}px ${getComputedStyle(element).fontFamily}`,
    cutPixel: pixel(channels(line)), curvePixel: pixel(curve),
    solid: ranks.map((one) => pixel(one)), tinted: ranks.map((one) => pixel(one, TINT)),
    mixed: ranks.map((one) => pixel(one.map((value, index) => value * MIX + curve[index] * (1 - MIX)))),
  };
}

/** "rgb(1, 2, 3)" -> [1, 2, 3] @param {string} colour */
function channels(colour) {
  return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/** As it lies in memory, the lowest byte first, on every machine that browsers run on. @param {number[]} rgb @param {number} [alpha] */
function pixel([red, green, blue], alpha = 1) {
  return ((Math.round(alpha * 255) << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

/** @param {HTMLCanvasElement} canvas */
export function contextOf(canvas) {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser has no canvas');
  return context;
}

/** @type {WeakMap<HTMLCanvasElement, ImageData>} */
const kept = new WeakMap();

/**
 * Empty pixels for all of a canvas, the same memory each time.
 * @param {CanvasRenderingContext2D} context
 */
function pixelsOf(context) {
  const { canvas } = context;
  let image = kept.get(canvas);
  if (image?.width !== canvas.width || image.height !== canvas.height) {
    image = context.createImageData(canvas.width, canvas.height);
    kept.set(canvas, image);
  }
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(0);
  return { image, pixels };
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
export function paintLane(context, scene) {
  const { width, height } = context.canvas;
  const { view, ratio, palette } = scene;
  const top = Math.round(RULER * ratio);
  const floor = height - Math.round(UNDER * ratio);
  const ranks = columns(scene.ranks, view.from, view.to, width);
  const { image, pixels } = pixelsOf(context);
  paintCuts(pixels, width, scene, top, floor);
  paintCurve(pixels, columns(scene.curve, view.from, view.to, width), ranks, top, floor, palette, true);
  paintBand(pixels, ranks, height - Math.round(BAND * ratio), height, scene);
  context.putImageData(image, 0, 0);
  paintRuler(context, scene, top);
}

/**
 * The whole length at a glance.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintOverview(context, scene) {
  const { width, height } = context.canvas;
  const { view, palette } = scene;
  const ranks = columns(scene.ranks, 0, view.duration, width);
  const { image, pixels } = pixelsOf(context);
  paintCurve(pixels, columns(scene.curve, 0, view.duration, width), ranks, 0, height, palette, false);
  paintBand(pixels, ranks, 0, height, scene);
  context.putImageData(image, 0, 0);
}

/**
 * The curve from the floor up to its score, the matches' colours in it and, with `behind`, paler behind it.
 * @param {Uint32Array} pixels
 * @param {Float32Array} levels by column, 0 to 100
 * @param {Float32Array} ranks by column
 * @param {number} top
 * @param {number} floor
 * @param {Palette} palette
 * @param {boolean} behind
 */
function paintCurve(pixels, levels, ranks, top, floor, { curvePixel, tinted, mixed }, behind) {
  const width = levels.length;
  const tops = Int32Array.from(levels, (level) => Math.round(floor - (floor - top) * (level / 100)));
  for (let y = top; y < floor; y += 1) {
    const row = y * width;
    for (let x = 0; x < width; x += 1) {
      const rank = ranks[x];
      if (y >= tops[x]) pixels[row + x] = rank ? mixed[rank] : curvePixel;
      else if (rank && behind) pixels[row + x] = tinted[rank];
    }
  }
}

/**
 * What matches: the surer, the taller and the fuller.
 * @param {Uint32Array} pixels
 * @param {Float32Array} ranks by column
 * @param {number} top
 * @param {number} floor
 * @param {Scene} scene
 */
function paintBand(pixels, ranks, top, floor, { palette, ratio }) {
  const width = ranks.length;
  const tops = LOOKS.map(({ share }) => floor - Math.round((floor - top) * share));
  for (let y = top; y < floor; y += 1) {
    const row = y * width;
    for (let x = 0; x < width; x += 1) {
      const rank = ranks[x];
      if (!rank || y < tops[rank]) continue;
      const { apart, thick } = LOOKS[rank];
      const edge = y < tops[rank] + ratio || !ranks[x - 1] || !ranks[x + 1];
      if (edge || (x + y) % (apart * ratio) < thick * ratio) pixels[row + x] = palette.solid[rank];
    }
  }
}

/**
 * Marks under the times, and lines through the curve where there are few.
 * @param {Uint32Array} pixels
 * @param {number} width
 * @param {Scene} scene
 * @param {number} top
 * @param {number} floor
 */
function paintCuts(pixels, width, { cuts, view, palette, ratio }, top, floor) {
  const scale = width / (view.to - view.from);
  const from = firstAbove(cuts, view.from);
  const few = (firstAbove(cuts, view.to) - from) * 10 * ratio < width;
  const mark = palette.solid[1];
  let drawn = -Infinity;
  for (let index = from; index < cuts.length && cuts[index] < view.to; index += 1) {
    const x = Math.min(width - 1, Math.round((cuts[index] - view.from) * scale));
    if (x - drawn < 3 * ratio) continue;
    drawn = x;
    for (let y = top - Math.round(6 * ratio); y < top; y += 1) pixels[y * width + x] = mark;
    for (let y = top; few && y < floor; y += 1) pixels[y * width + x] = palette.cutPixel;
  }
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {number} top */
function paintRuler(context, { view, palette, ratio }, top) {
  const { width } = context.canvas;
  const scale = width / (view.to - view.from);
  const { seconds, digits } = ticks(view, (LABEL_APART * ratio) / scale);
  context.fillStyle = palette.line;
  context.fillRect(0, top - ratio, width, ratio);
  for (const time of seconds) context.fillRect(Math.round((time - view.from) * scale), 0, ratio, top);
  context.font = palette.font;
  context.textBaseline = 'top';
  context.fillStyle = palette.faint;
  for (const time of seconds) {
    const x = Math.round((time - view.from) * scale);
    if (width - x > 40 * ratio) context.fillText(clock(time, digits), x + 4 * ratio, 2 * ratio);
  }
}
