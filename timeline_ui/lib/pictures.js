/**
 * Pictures that the server has to cut out first. A browser keeps six connections to one server: were they all
 * waiting for pictures, a question would stand behind them.
 */

const AT_ONCE = 3;

/** Those that are near the screen and wait, with their addresses. @type {Map<HTMLImageElement, string>} */
const waiting = new Map();
/** @type {WeakMap<Element, string>} */
const addresses = new WeakMap();
let loading = 0;

const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const image = /** @type {HTMLImageElement} */ (target);
    if (isIntersecting) waiting.set(image, addresses.get(image) ?? '');
    // Whoever scrolls by does not wait for what they passed.
    else waiting.delete(image);
  }
  next();
}, { rootMargin: '300px' });

/**
 * The image gets its picture once it comes near the screen; `load` and `error` are said by itself.
 * @param {HTMLImageElement} image
 * @param {string} address
 */
export function showWhenSeen(image, address) {
  addresses.set(image, address);
  nearby.observe(image);
}

function next() {
  for (const [image, address] of waiting) {
    if (loading >= AT_ONCE) return;
    waiting.delete(image);
    nearby.unobserve(image);
    // Those that were thrown away meanwhile cost nothing.
    if (image.isConnected) load(image, address);
  }
}

/** @param {HTMLImageElement} image @param {string} address */
function load(image, address) {
  loading += 1;
  const ended = () => {
    image.removeEventListener('load', ended);
    image.removeEventListener('error', ended);
    loading -= 1;
    next();
  };
  image.addEventListener('load', ended);
  image.addEventListener('error', ended);
  image.src = address;
}
