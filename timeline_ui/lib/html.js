/** Markup with values that cannot break out of it: `html` escapes everything but other `html`. */

class Html {
  /** @param {string} text */
  constructor(text) { this.text = text; }
  toString() { return this.text; }
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** @param {unknown} value @returns {string} */
export function escape(value) {
  return String(value).replace(/[&<>"']/g, (letter) => ESCAPES[/** @type {'&'} */ (letter)]);
}

/** @param {unknown} value @returns {string} */
function show(value) {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(show).join('');
  return value === null || value === undefined || value === false ? '' : escape(value);
}

/**
 * Values are escaped, lists joined, null, undefined and false left out. Attributes must be quoted.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 */
export function html(strings, ...values) {
  return new Html(strings.reduce((whole, part, index) => whole + show(values[index - 1]) + part));
}

/**
 * The only place where markup becomes elements.
 * @param {Element | DocumentFragment} target
 * @param {Html} markup
 */
export function render(target, markup) {
  if (!(markup instanceof Html)) throw new TypeError('render takes what html`` makes');
  const template = document.createElement('template');
  template.innerHTML = markup.text;
  target.replaceChildren(template.content);
}

/**
 * The element within `root` that must be there.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {T}
 */
export function find(root, selector) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`no ${selector}`);
  return /** @type {T} */ (found);
}
