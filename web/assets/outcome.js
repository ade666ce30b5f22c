// What became of what was asked for: one, and the log of all.
import { T } from './text.js';
import { Problem, ask, askPart } from './api.js';
import { badge, el, link, name, section, sentence, time } from './dom.js';
import { pause } from './live.js';
import { pagedRows, problemView } from './parts.js';

const POLL_MS = 1000;
const POLL_SLOW_MS = 5000;
// Then something is wrong with what does it, and the page says where to look.
const LATE_MS = 8000;
// The relay does nothing that was asked for longer ago.
const TOO_LATE_MS = 11 * 60000;
const MISSES_MOST = 3;

// ---- one ----

const COLOURS_OF = { waiting: 'defer', begun: 'defer', done: 'good', failed: 'bad', refused: 'bad', unknown: 'warn' };
const ENDS = ['done', 'failed', 'refused', 'unknown'];

function stateView(state) {
  return badge(COLOURS_OF[state] ?? 'off', T.act.states[state] ?? state);
}
function beforeAfter(row) {
  return row.before === null && row.after === null
    ? null
    : el('span', {}, timed(row.before ?? '–'), ' ', el('span', { class: 'sentence' }, '→ ', timed(row.after ?? '–')));
}
// A sentence with times in it.
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/;
function timed(text) {
  return el(
    'span',
    { class: 'sentence' },
    text
      .split(TIME)
      .filter((part) => part !== '')
      .map((part) => (TIME.test(part) ? time(part) : sentence(part))),
  );
}
function outcomeView(row, late) {
  return el(
    'div',
    {},
    el('p', {}, stateView(row.state), ' ', row.said ? sentence(row.said) : null),
    ENDS.includes(row.state) && beforeAfter(row) !== null ? el('p', {}, T.act.changed, ': ', beforeAfter(row)) : null,
    late && row.state === 'waiting'
      ? el('p', {}, T.act.late, el('code', {}, 'systemctl status postern-act.path'))
      : null,
    ENDS.includes(row.state) ? el('p', {}, logLink()) : null,
  );
}

export function logLink() {
  return link('/system', { at: 'actions' }, T.act.log);
}

// Asks what became of it until that is known: its row, or null where the page is left. A reply that does not come is asked for again.
export async function follow(id, tell, signal) {
  const begun = Date.now();
  let shown = '';
  for (let misses = 0; !signal.aborted;) {
    const late = Date.now() - begun > LATE_MS;
    try {
      const { data } = await ask(`actions/${id}`, {}, signal);
      misses = 0;
      // Said once, not at each look.
      if (shown !== data.state + late) tell(outcomeView(data, late));
      shown = data.state + late;
      if (ENDS.includes(data.state)) return data;
    } catch (problem) {
      if (signal.aborted || problem.kind === 'sign-in' || problem.kind === 'forbidden') throw problem;
      if (problem.kind === 'missing' && ++misses >= MISSES_MOST) throw problem;
      if (shown !== problem.kind) tell(problemView(problem));
      shown = problem.kind;
    }
    if (Date.now() - begun > TOO_LATE_MS) throw new Problem('slow', T.act.tooLate);
    await pause(late ? POLL_SLOW_MS : POLL_MS, signal);
  }
  return null;
}

// ---- the log ----

const LOG_ROWS = 20;
const LOG_COLUMNS = [
  { key: 'time', as: (t) => time(t) },
  {
    key: 'who',
    as: (who, row) => el('span', {}, name(who), row.role ? el('span', { class: 'dim' }, ` (${row.role})`) : null),
  },
  { key: 'verb', title: T.column.what, as: (_, row) => whatView(row) },
  { key: 'reason', title: T.act.reason, as: (reason) => (reason === null ? name(null) : sentence(reason)) },
  {
    key: 'state',
    title: T.column.result,
    as: (state, row) => el('span', {}, stateView(state), ' ', row.said ? sentence(row.said) : null),
  },
  { key: 'before', title: T.act.changed, as: (_, row) => beforeAfter(row) ?? name(null) },
  { key: 'from', title: T.act.from },
];
function whatView(row) {
  return el(
    'span',
    {},
    row.verb,
    row.subject === null ? null : [' ', row.kind ?? '', row.kind === null ? '' : ' ', name(row.subject)],
    row.for === null ? null : ` ${T.act.forText(row.for)}`,
  );
}

// A section that fills itself: what was asked for, the newest first.
export function actLog(signal) {
  const place = el('div', {}, el('p', { class: 'dim' }, T.loading));
  const load = (after) => (after ? ask : askPart)('actions', { rows: LOG_ROWS, after }, signal);
  async function fill() {
    try {
      place.replaceChildren(pagedRows(T.act.log, LOG_COLUMNS, await load(), load, T.act.logNone));
    } catch (problem) {
      if (!signal.aborted) place.replaceChildren(problemView(problem, fill));
    }
  }
  fill();
  return { node: section(T.act.log, place), fill };
}
