/** Registers what the page uses, then looks where it is. */

import './elements/app.js';
import './elements/ask.js';
import './elements/key.js';
import './elements/keys.js';
import './elements/library.js';
import './elements/people.js';
import './elements/results.js';
import './elements/selection.js';
import './elements/viewer.js';
import { follow } from './place.js';
import * as search from './search.js';

search.start();
follow();
