/** Every word that the page says, by where it is said. Texts with values are functions. */

import { count, size, spoken } from './lib/format.js';

export const texts = {
  app: {
    name: 'momentseek',
    search: 'Search', library: 'Library', people: 'People',
    skip: 'Skip to the results',
    retry: 'Try again', close: 'Close', cancel: 'Cancel',
  },
  keys: {
    title: 'Keys', open: 'Keys (?)',
    groups: /** @type {[string, [string, string][]][]} */ ([
      ['Everywhere', [['?', 'this list'], ['Esc', 'stop a search, close what is open']]],
      ['Box on a picture', [
        ['Enter', 'make a box, search in it'], ['← → ↑ ↓', 'move it'], ['Shift ← →', 'change its size'],
        ['Delete', 'remove it'],
      ]],
      ['Results', [
        ['← → ↑ ↓', 'go from one to the next'], ['Enter', 'open it'], ['Space', 'play it here'], ['m', 'mark it'],
      ]],
      ['Viewer', [
        ['Space', 'play, pause'], [', .', 'a frame back, a frame on'], ['← →', 'five seconds'],
        ['p n', 'previous match, next match'], ['i o', 'begin a clip, end it'], ['b', 'things and faces of this frame'],
        ['d', 'draw a box'], ['+ - 0', 'timeline closer, farther, all of it'], ['m f', 'sound, full screen'],
      ]],
    ]),
  },
  confidence: { high: 'high', medium: 'medium', low: 'low', none: 'below the line' },
  errors: {
    offline: 'The server does not answer. Is momentseek still running?',
    unreadable: 'Something other than momentseek answered; is there a proxy in between?',
  },
  results: {
    region: 'Results', keys: 'Arrow keys go from result to result, Enter opens one, Space plays it, M marks it.',
    asking: 'Searching …', stopped: 'The search was stopped.', again: 'Search again',
    nothing: 'Nothing in the library matches.',
    nothingFiltered: 'Nothing matches with these filters.',
    nothingMeans: 'That is an answer: whatever comes nearest is no more alike than chance would have it.',
    nothingNear: 'Nothing comes anywhere near it, either.',
    clear: 'Clear the filters', nearest: 'Show what comes nearest', hideNearest: 'Only what matches',
    below: 'Below the line', belowMeans: 'What comes nearest. Most likely none of it is what you look for.',
    emptyLibrary: 'The library is empty. Add videos or stills, then ask again.', toLibrary: 'Go to the library',
    failed: 'That did not work.',
    more: (/** @type {number} */ left) => `Show more (${left.toLocaleString('en')} left)`,
    moreFailed: 'What follows could not be fetched.',
    hidden: (/** @type {number} */ number, /** @type {number} */ score) =>
      `${count(number, 'result')} of lower score than ${score} not shown`,
    allHidden: (/** @type {number} */ score, /** @type {number} */ best) =>
      `Nothing scores ${score} or more; the best one has ${Math.round(best)}.`,
    showAll: 'Show them',
    ofFile: (/** @type {number} */ number, /** @type {number} */ score) =>
      `${count(number, 'result')}, best ${Math.round(score)}`,
    refined: (/** @type {number} */ up, /** @type {number} */ down) =>
      `Refined by ${[up && `${up} 👍`, down && `${down} 👎`].filter(Boolean).join(' and ')}`,
    unrefine: 'Undo',
  },
  card: {
    still: 'still', noFrame: 'no picture',
    /** @param {string} name @param {string} when @param {number} score @param {string} confidence */
    opens: (name, when, score, confidence) => `${name}, ${when}, score ${Math.round(score)}, ${confidence}`,
    between: (/** @type {string} */ start, /** @type {string} */ end) => `${start} to ${end}`,
    mark: (/** @type {string} */ what) => `Mark ${what}`,
    up: (/** @type {string} */ what) => `More like this: ${what}`,
    down: (/** @type {string} */ what) => `Not this: ${what}`,
    score: 'score', label: (/** @type {string} */ label) => `found as ${label}`,
  },
  filters: {
    region: 'Filters', only: 'Stills or videos', all: 'All', video: 'Videos', image: 'Stills',
    confidence: 'Confidence',
    levels: { high: 'high only', medium: 'medium and up', low: 'low and up', none: 'and what comes nearest' },
    score: 'Score at least', sort: 'Order', sorts: { score: 'Best first', time: 'By file and time' },
    grouped: 'Group by file', more: 'More', name: 'File name has', tag: 'Tag', tagAdd: 'Add tag', label: 'Things',
    noLabels: 'The models of this library do not name things.', clear: 'Clear filters',
    without: (/** @type {string} */ what) => `Without ${what}`,
  },
  ask: {
    region: 'Ask', title: 'Show it a picture. See every moment.',
    drop: 'Drop a picture here', paste: 'paste one, or', choose: 'choose a file',
    dropAnywhere: 'Drop the picture to search for it', several: 'Several pictures of the same thing are one question.',
    mode: 'Search for', modes: { scene: 'Whole picture', object: 'Object', face: 'Face' },
    noFaces: 'This library was made without faces.',
    words: 'Words', wordsHint: 'a red cup on a table', wordsToo: 'Words (beside the picture)',
    noWords: 'The models of this library know pictures alone; words need another profile (default).',
    noWordsForFaces: 'A face is searched by pictures alone.',
    search: 'Search', stop: 'Stop', fresh: 'New search', drawBox: 'Draw box', noBox: 'Remove box',
    drawHint: 'Drag on the picture to search for one thing in it.',
    add: 'Add picture',
    sending: 'Sending the picture …', crumb: 'Picture', pasted: 'Pasted picture', box: 'Box',
    wordsCrumb: (/** @type {string} */ words) => `“${words}”`,
    picture: 'The picture that is searched for', without: (/** @type {number} */ number) => `Without picture ${number}`,
    gone: 'This picture is not kept any more. Choose it again.',
    noPicture: (/** @type {string} */ name) =>
      `${name} is no picture. To search in a video, add it to the library first, then click anything in it.`,
    tooMany: 'At most 10 pictures make one question.',
    moment: (/** @type {string} */ name, /** @type {string} */ time) => `${name}${time && ` at ${time}`}`,
    person: 'Every moment with', somebody: 'somebody',
    facts: (/** @type {number} */ videos, /** @type {number} */ stills) =>
      `${count(videos, 'video')} and ${count(stills, 'still')} to search in`,
  },
  box: {
    what: 'box editor', name: 'Box on the picture',
    keys: 'Enter makes a box, arrow keys move it, Shift and arrow keys resize it, Delete removes it.',
    none: 'No box.',
    is: (/** @type {number[]} */ box) => {
      const [left, top, right, bottom] = box.map((side) => Math.round(side * 100));
      return `Box from ${left} to ${right} percent of the width, ${top} to ${bottom} percent of the height.`;
    },
  },
  crumbs: { name: 'How you got here' },
  viewer: {
    region: 'Viewer', back: 'Close the viewer', copy: 'Copy link', copied: 'The link is copied.',
    uncopied: 'The browser does not allow copying; the link is in the address line.',
    playback: 'Playback', play: 'Play', pause: 'Pause', stepBack: 'One frame back', stepForward: 'One frame on',
    previousMatch: 'Previous match', nextMatch: 'Next match', noMatches: 'There are no matches in this file.',
    noLater: 'There is no later match in this file.', noEarlier: 'There is no earlier match in this file.',
    markIn: 'In', markOut: 'Out', markInLong: 'In: begin the clip here', markOutLong: 'Out: end the clip here',
    unmark: 'Forget in and out', stretch: (/** @type {string} */ times) => `Save ${times}`,
    speed: 'Speed', volume: 'Volume', mute: 'Mute', unmute: 'Sound on', full: 'Full screen',
    key: (/** @type {string} */ name, /** @type {string} */ key) => `${name} (${key})`,
    frames: 'This browser cannot play this format. Single frames are shown instead: click the timeline, or step.',
    unread: 'This picture cannot be read from its file any more.',
    boxes: 'Boxes', boxesLong: 'Show things and faces of a still picture',
    draw: 'Draw a box', drawLong: 'Draw a box around what to search for',
    drawKeys: 'Box to search in. Arrows move it, Shift and arrows change its size, Enter searches, Escape puts it away.',
    searchBox: 'Search for what is in the box',
    picture: 'Picture', pictureHelp: 'Drag on the picture to search for what is in the box.',
    thing: 'thing', face: 'face', something: (/** @type {number} */ number) => `thing ${number}`,
    faceNumber: (/** @type {number} */ number) => `face ${number}`,
    /** @param {string} name @param {number} share */
    sure: (name, share) => `${name}, ${Math.round(share * 100)} %`,
    /** @param {string} name */
    searchFor: (name) => `${name}: search for it everywhere`,
    /** @param {number} things @param {number} faces */
    found: (things, faces) => `${[things && count(things, 'thing'), faces && count(faces, 'face')].filter(Boolean)
      .join(' and ')} here. Click one to search for it, or drag a box around anything.`,
    foundNothing: 'Nothing is stored of this moment. Drag a box around anything to search for it.',
    /** @param {string} name @param {string} media @param {string} time */
    crumb: (name, media, time) => `${name} in ${media}${time && ` at ${time}`}`,
    drawn: 'a box', matches: 'Matches in this file', more: 'Show more',
    /** @param {number} number @param {number} score */
    above: (number, score) => `${count(number, 'match', 'matches')} with a score of ${Math.round(score)} or more`,
    rule: (/** @type {number} */ score) =>
      `A match is shown, whole, while its score reaches the line. Below ${Math.round(score)} stretches join that the search itself leaves out.`,
    unlikely: 'unlikely',
    /** @param {string} confidence @param {number} score */
    match: (confidence, score) => `${confidence}, ${Math.round(score)}`,
    playing: (/** @type {number} */ number, /** @type {number} */ total) => `Playing match ${number} of ${total}`,
    stopPlaying: 'Stop', nextOne: 'Next', playedAll: 'All matches have been played.',
    nothingToPlay: 'There are no matches to play.',
    keys: 'Keys: Space plays, , and . step, n and p go to matches, i and o mark a clip, + and - zoom, b shows boxes, d draws one, Esc closes.',
  },
  timeline: {
    name: 'Timeline', seek: 'Time', threshold: 'Score at least', closer: 'Closer', farther: 'Farther', fit: 'All of it',
    inMatch: (/** @type {string} */ match) => `in a match: ${match}`,
    of: (/** @type {string} */ now, /** @type {string} */ all) => `${now} of ${all}`,
    legend: 'Matches',
  },
  people: {
    nobody: 'somebody', who: 'Who is this?', find: 'Part of a name', search: 'Search', seen: 'Seen in',
    group: 'Group the faces again', grouping: 'Faces are being grouped',
    none: 'There are no people yet: nobody’s face has been found in the library.',
    noneSuch: 'Nobody’s name is like this.', looking: 'Looking …', refuse: 'Not this person',
    merge: (/** @type {number} */ number) => (number > 1 ? `Merge ${number} into one` : 'Merge the chosen'),
    merged: (/** @type {number} */ number, /** @type {string | null} */ name) =>
      `${number} are one person now${name ? `: ${name}` : ''}.`,
    about: (/** @type {number} */ faces, /** @type {number} */ media) => `${count(faces, 'face')} in ${count(media, 'file')}`,
    choose: (/** @type {string} */ name) => `Choose ${name}, to merge`,
    nameOf: (/** @type {string} */ name) => `Name of ${name}`,
    searchFor: (/** @type {string} */ name) => `Search: every moment with ${name}`,
    seenOf: (/** @type {string} */ name) => `Seen in: every appearance of ${name}`,
    appearances: (/** @type {number} */ number, /** @type {number} */ more) =>
      `${count(number, 'appearance')}${more ? `, and ${more} more` : ''}`,
    refuseOf: (/** @type {string} */ media, /** @type {string} */ when) => `Not this person: ${media} ${when}`,
  },
  key: {
    title: 'This library wants a key',
    what: 'Whoever runs the server makes one with: momentseek keys add NAME --scope read',
    key: 'Key', logIn: 'Log in', logOut: 'Log out',
    wrong: 'This key is not one of this library. Has it been copied whole, or been revoked?',
    may: { read: 'may ask', ingest: 'may ask and add', admin: 'may do everything' },
  },
  selection: {
    region: 'Marked moments', all: 'Mark all', none: 'Unmark all', play: 'Play all',
    playLong: 'Play the moments one after another', link: 'Copy link',
    linkLong: 'Copy a link that opens this question, file, time and filters again',
    copied: 'The link is copied.', notCopied: (/** @type {string} */ address) => `The browser refuses to copy. The link is ${address}`,
    as: 'Export as', export: 'Export',
    marked: (/** @type {number} */ number, /** @type {string} */ length) => `${count(number, 'moment')} marked, ${length}`,
    shown: (/** @type {number} */ number) => count(number, 'moment'),
    making: (/** @type {string} */ what, /** @type {number} */ number) => `Making of ${count(number, 'moment')}: ${what}`,
    received: (/** @type {string} */ got, /** @type {string} */ whole) => `Receiving ${got} of ${whole}`,
    saved: (/** @type {string} */ name) => `${name} is in your downloads.`,
    cancelled: 'The export was cancelled.',
    groups: { clips: 'Clips', lists: 'Lists and subtitles', editing: 'For editing programs' },
    kinds: {
      exact: 'Clips, exact (zip)', copy: 'Clips, fast from keyframes (zip)', reel: 'One reel of all',
      csv: 'Table (CSV)', json: 'JSON', srt: 'Subtitles (SRT)', vtt: 'Subtitles (WebVTT)',
      edl: 'EDL (CMX 3600)', fcpxml: 'FCPXML (Final Cut Pro)', fcp7: 'Final Cut Pro 7 XML (Premiere)', otio: 'OpenTimelineIO',
    },
  },
  library: {
    add: 'Add to the library', filters: 'Which files to show', layout: 'Layout', grid: 'Grid', list: 'List',
    name: 'Part of a name', tag: 'Tag', type: 'Type', status: 'Status', anyType: 'Videos and stills', anyStatus: 'Any status',
    types: { video: 'Video', image: 'Still' },
    statuses: {
      indexed: 'Indexed', partial: 'Indexed in part', pending: 'Waiting', indexing: 'Being indexed', failed: 'Failed',
      skipped: 'Skipped', refused: 'Refused', quarantined: 'Set aside',
    },
    andMore: ' and more', more: 'Show more',
    empty: 'Nothing is here yet. Add videos or stills, and search for anything that is in them.',
    noneSuch: 'No file of the library is like this.',
    tags: 'Tags', notes: 'Notes', save: 'Save', remove: 'Remove', similar: 'Find similar',
    similarTo: (/** @type {string} */ name) => `Find similar: search for things like ${name}`,
    notesOn: (/** @type {string} */ name) => `Notes on ${name}`,
    removeOf: (/** @type {string} */ name) => `Remove ${name}`,
    retryOf: (/** @type {string} */ name) => `Try again: index ${name} once more`,
    cancelOf: (/** @type {string} */ name) => `Cancel the indexing of ${name}`,
    progressOf: (/** @type {string} */ name) => `Progress of ${name}`,
    removeMeans: 'Nothing of it will be found any more. A file that was uploaded is deleted; one that lay on the server '
      + 'before stays where it is.',
    tagsField: 'Tags, one a line', metadataField: 'Notes, one a line', metadataHelp: 'For example: take: 3',
    badNote: (/** @type {string} */ line) => `“${line}” is no note. Write a name, a colon and what there is to say.`,
    /** @param {import('./facts.js').Facts} facts */
    facts: ({ videos, stills, hours, points, index_bytes, models }) => [
      count(videos, 'video'), `${hours < 0.1 ? `${(hours * 60).toFixed(1)} minutes` : count(Number(hours.toFixed(1)), 'hour')}`,
      count(stills, 'still'), `${count(points, 'vector')} in ${size(index_bytes)}`,
      [...new Set([models.embedder, models.detector, models.faces])].filter(Boolean).join(', '),
    ].join(' · '),
  },
  upload: {
    drop: 'Drop videos and stills here, or', choose: 'Choose files',
    byPath: 'Add a file that lies on the server', path: 'Its path', add: 'Add', clear: 'Clear those that have ended',
    added: (/** @type {string} */ name) => `${name} has been added.`,
    known: (/** @type {string} */ name) => `${name} was in the library already.`,
    cancelOf: (/** @type {string} */ name) => `Cancel the upload of ${name}`,
    againOf: (/** @type {string} */ name) => `Try again: upload ${name}`,
    progressOf: (/** @type {string} */ name) => `Upload of ${name}`,
    states: {
      waiting: 'Waiting for those before it', sending: 'Uploading', interrupted: 'Interrupted; goes on by itself',
      done: 'Uploaded', known: 'Was in the library already', failed: 'Failed', cancelled: 'Cancelled',
    },
    sent: (/** @type {string} */ sent, /** @type {string} */ whole) => `${sent} of ${whole}`,
    going: (/** @type {number} */ number) => (number ? `${count(number, 'file')} being uploaded` : 'All uploads have ended.'),
  },
  jobs: {
    title: 'Being indexed', none: 'Nothing at the moment.', queued: 'Waiting', failed: 'It failed.',
    lost: 'The server says nothing at the moment; trying again.',
    kinds: { ingest: 'A file' },
    progress: (/** @type {number} */ share, /** @type {number | null} */ seconds) =>
      `${Math.round(share * 100)} %${seconds === null ? '' : `, about ${spoken(Math.max(1, seconds))} left`}`,
    cancelOf: (/** @type {string} */ name) => `Cancel the indexing of ${name}`,
    againOf: (/** @type {string} */ name) => `Try again: index ${name}`,
    forgetOf: (/** @type {string} */ name) => `Do not show the failure of ${name}`,
  },
};
