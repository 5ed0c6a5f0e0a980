/** Times, sizes and counts as people read them. */

/**
 * 75.5 -> "1:15.5", 3675 -> "1:01:15"
 * @param {number} seconds
 * @param {number} [digits] of a second
 */
export function clock(seconds, digits = 0) {
  const factor = 10 ** digits;
  const whole = Math.round(Math.max(0, seconds) * factor);
  const rest = whole % (60 * factor);
  const minutes = Math.floor(whole / (60 * factor)) % 60;
  const hours = Math.floor(whole / (3600 * factor));
  const tail = (rest / factor).toFixed(digits).padStart(digits ? digits + 3 : 2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/**
 * For screen readers: 75 -> "1 minute, 15 seconds"
 * @param {number} seconds
 */
export function spoken(seconds) {
  const whole = Math.round(Math.max(0, seconds));
  const parts = [[Math.floor(whole / 3600), 'hour'], [Math.floor(whole / 60) % 60, 'minute'], [whole % 60, 'second']];
  const said = parts.filter(([number]) => number).map(([number, noun]) => count(Number(number), String(noun)));
  return said.join(', ') || '0 seconds';
}

/**
 * @param {number} number
 * @param {string} noun
 * @param {string} [plural]
 */
export function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`;
}

/**
 * 1 536 000 -> "1.5 MB"
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let step = 0;
  while (bytes >= 1000 && step < units.length - 1) { bytes /= 1000; step += 1; }
  return `${step ? bytes.toFixed(bytes < 10 ? 1 : 0) : bytes} ${units[step]}`;
}
