// What can be asked for: buttons, the question before it, and what became of it. Nothing is taken as done before the relay says so.
import { T } from './text.js';
import { Problem, ask, askPart } from './api.js';
import { badge, el, link, name, say, section, sentence, time } from './dom.js';
import { pagedRows, problemView } from './parts.js';
import { change, mayDo, ownTenants, whoAsks } from './session.js';

const VERBS_MS = 30000;
const POLL_MS = 1000;
const POLL_SLOW_MS = 5000;
// Then something is wrong with what does it, and the page says where to look.
const LATE_MS = 8000;
// The relay does nothing that was asked for longer ago.
const TOO_LATE_MS = 11 * 60000;
// Pages are made of what is at most a second old, and lists are followed within two.
const AGAIN_MS = [0, 1200, 3500];
const MISSES_MOST = 3;
const TEXT_MOST = { subject: 320, reason: 200 };

// ---- which verbs there are ----

let verbsAsked = { at: 0 };

// Those that this one may ask for: Map of verb and what it takes. Where they can't be had it has none, and a problem.
export async function askVerbs(signal) {
  if (!mayDo('operator')) return new Map();
  const tenants = ownTenants(); // of somebody else after a new sign-in
  if (Date.now() - verbsAsked.at > VERBS_MS || verbsAsked.tenants !== tenants) {
    const reply = await askPart('verbs', {}, signal);
    verbsAsked = { at: reply.problem ? 0 : Date.now(), tenants, rows: reply.data };
    if (reply.problem) return Object.assign(new Map(), { problem: reply.problem });
  }
  return new Map(
    verbsAsked.rows.filter((one) => mayDo(one.role) && T.act.verbs[one.verb]).map((one) => [one.verb, one]),
  );
}

// Can the interface be told this name? What it would refuse or change gets no button.
function isTold(text) {
  return (
    text !== '' &&
    text === text.trim() &&
    new TextEncoder().encode(text).length <= TEXT_MOST.subject &&
    !/[\p{Cc}\p{Cs}]/u.test(text)
  );
}
// habit: it has one, which "accept" would change.
export function userSubject(login, habit) {
  return { kind: 'user', name: login, habit };
}
// That of a block, "network 198.51.100.0/24".
export function blockSubject(block) {
  const [kind, ...words] = block.subject.split(' ');
  return { kind, name: words.join(' '), habit: block.messages_hour !== null };
}
function subjectView(subject) {
  return el('span', {}, T.act.kinds[subject.kind] ?? subject.kind, ' ', name(subject.name));
}

// ---- buttons ----

// What can be done about a subject. wanted: names of T.act.verbs, of which those are left out that this one may not ask for.
// changed(): something may have changed. null: there is nothing.
export function actButtons(verbs, subject, wanted, changed, signal) {
  if (verbs.problem) return problemView(verbs.problem);
  const able = wanted.filter((key) => verbs.has(T.act.verbs[key].verb ?? key) && (subject === null || fits(subject)));
  if (able.length === 0) return null;
  return el(
    'p',
    { class: 'acts' },
    able.map((key) => {
      const words = T.act.verbs[key];
      const button = el(
        'button',
        {
          type: 'button',
          class: words.careful ? 'act careful' : 'act',
          'data-key': `${key} ${subject?.kind ?? ''} ${subject?.name ?? ''}`,
          'aria-haspopup': 'dialog',
        },
        `${words.button} …`,
        subject === null ? null : el('span', { class: 'unseen' }, ' ', subjectView(subject)),
      );
      button.addEventListener('click', () =>
        openQuestion({ key, words, verb: verbs.get(words.verb ?? key), subject, changed, signal, button }),
      );
      return button;
    }),
  );
}
// Who is bound to tenants is refused whatever belongs to none.
function fits({ kind, name: text }) {
  const own = ownTenants() === null || kind === 'user' || kind === 'login';
  return own && isTold(text) && T.act.kinds[kind] !== undefined;
}

// Replaces what is in a place, and leaves the keyboard at the button or link where it was.
export function redraw(place, ...nodes) {
  const key = place.contains(document.activeElement) ? placeKey(document.activeElement) : null;
  place.replaceChildren(...nodes);
  if (key !== null) focusKey(key);
}
function placeKey(node) {
  return node.dataset.key ?? node.getAttribute('href');
}
// What is no longer there leaves it at the page.
function focusKey(key) {
  const main = document.getElementById('main');
  const same = [...main.querySelectorAll('button, a')].find((node) => placeKey(node) === key);
  (same ?? main).focus({ preventScroll: true });
}

// ---- the question ----

function field(id, label, input, hint) {
  return el(
    'div',
    { class: 'wide' },
    el('label', { for: id }, label),
    input,
    hint ? el('p', { id: `${id}-hint`, class: 'dim' }, hint) : null,
  );
}
function textInput(id, key, most) {
  return el('input', { id, name: key, required: true, maxlength: most, autocomplete: 'off', spellcheck: 'false' });
}
function choice(id, key, options) {
  return el(
    'select',
    { id, name: key },
    Object.entries(options).map(([value, word]) => el('option', { value }, word)),
  );
}
function tick(id, key, text, checked) {
  return el(
    'div',
    { class: 'wide tick' },
    el('input', { id, name: key, type: 'checkbox', checked }),
    el('label', { for: id }, text),
  );
}

// The fields that the verb takes and that are not known already.
function fieldsOf({ verb, words, subject }) {
  const fields = [];
  if (verb.subject && subject === null) {
    const kinds = ownTenants() === null ? T.act.kindsOf : { user: T.act.kindsOf.user, login: T.act.kindsOf.login };
    if (verb.kind) fields.push(field('act-kind', T.act.kind, choice('act-kind', 'kind', kinds)));
    fields.push(field('act-subject', T.act.subject, textInput('act-subject', 'subject', TEXT_MOST.subject)));
  }
  if (verb.for) fields.push(field('act-for', T.act.for, choice('act-for', 'for', T.act.durations)));
  const reason = textInput('act-reason', 'reason', TEXT_MOST.reason);
  reason.setAttribute('aria-describedby', 'act-reason-hint');
  fields.push(field('act-reason', T.act.reason, reason, T.act.reasonHint));
  if (verb.accept && subject?.habit && !words.accept) fields.push(tick('act-accept', 'accept', T.act.accept));
  if (verb.cluster) fields.push(tick('act-cluster', 'cluster', T.act.cluster, true));
  if (verb.confirm) {
    const again = textInput('act-confirm', 'confirm', TEXT_MOST.subject);
    again.setAttribute('aria-describedby', 'act-confirm-hint');
    fields.push(field('act-confirm', T.act.confirm, again, el('code', {}, name(subject.name))));
  }
  return fields;
}

// What the interface is sent.
function askedOf({ verb, words, subject }, form) {
  const filled = new FormData(form);
  const asked = { verb: verb.verb, reason: filled.get('reason').trim() };
  const kind = subject?.kind ?? filled.get('kind');
  if (verb.subject) asked.subject = subject?.name ?? filled.get('subject').trim();
  if (verb.kind && kind) asked.kind = kind;
  if (verb.for && filled.get('for')) asked.for = filled.get('for');
  if (verb.accept && (words.accept || filled.has('accept'))) asked.accept = true;
  if (verb.cluster && filled.has('cluster')) asked.cluster = true;
  if (verb.confirm) asked.confirm = filled.get('confirm').trim();
  return asked;
}

// What is wrong with it before it is sent; null: nothing.
function faultOf(asked, form) {
  if (asked.reason === '') return [form.elements.reason, T.act.reasonMissing];
  if (new TextEncoder().encode(asked.reason).length > TEXT_MOST.reason) return [form.elements.reason, T.act.reasonLong];
  if (form.elements.subject && !isTold(asked.subject)) return [form.elements.subject, T.act.subjectWrong];
  if (asked.confirm !== undefined && asked.confirm !== asked.subject)
    return [form.elements.confirm, T.act.confirmWrong];
  return null;
}

function openQuestion(task) {
  const { words, subject, changed, signal, button } = task;
  const go = el('button', { class: words.careful ? 'careful' : null }, words.button);
  const cancel = el('button', { type: 'button', class: 'quiet' }, T.act.cancel);
  const outcome = el('div', { class: 'outcome', role: 'status' });
  const fields = el('fieldset', { class: 'fields' }, el('legend', { class: 'unseen' }, T.act.fields), fieldsOf(task));
  const form = el(
    'form',
    { method: 'dialog', onsubmit: submit },
    el('h2', { id: 'act-title' }, words.title, subject === null ? null : [' ', subjectView(subject)]),
    el('p', { id: 'act-what' }, words.what),
    fields,
    el('p', { class: 'dim' }, T.act.asWhom, whoAsks()),
    outcome,
    el('p', { class: 'acts' }, go, cancel),
  );
  const dialog = el('dialog', { class: 'act', 'aria-labelledby': 'act-title', 'aria-describedby': 'act-what' }, form);
  let state = 'open'; // sent: on its way; asked: it has an id

  function tell(...nodes) {
    outcome.replaceChildren(...nodes);
  }
  function lock(locked) {
    fields.disabled = locked;
    go.disabled = locked;
    cancel.disabled = locked;
  }
  function refresh() {
    for (const ms of AGAIN_MS) setTimeout(() => signal.aborted || changed(), ms);
  }
  async function submit(event) {
    event.preventDefault();
    if (state !== 'open') return;
    const asked = askedOf(task, form);
    const fault = faultOf(asked, form);
    if (fault !== null) {
      tell(el('p', {}, badge('warn', T.act.incomplete), ' ', fault[1]));
      fault[0].focus();
      return;
    }
    state = 'sent';
    lock(true);
    tell(el('p', {}, T.act.sending));
    try {
      const { data } = await change('actions', asked);
      state = 'asked';
      go.remove();
      cancel.disabled = false;
      cancel.textContent = T.act.close;
      cancel.focus();
      const row = await follow(data.id, tell, signal);
      if (row === null || dialog.isConnected) return;
      say(`${words.title} ${subject?.name ?? ''}: ${T.act.states[row.state]}`);
      refresh();
    } catch (problem) {
      tell(problemView(problem));
      if (state !== 'sent') return;
      state = 'open';
      lock(false);
      if (isUnsure(problem)) outcome.append(el('p', {}, T.act.unsure, logLink()));
    }
  }
  // Whoever closes it changes nothing in what was asked for, and it is followed on.
  function end() {
    dialog.remove();
    if (signal.aborted) return;
    if (state === 'asked') refresh();
    focusKey(button.dataset.key);
  }
  cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('cancel', (event) => {
    if (state === 'sent') event.preventDefault();
  });
  dialog.addEventListener('close', end, { once: true });
  signal.addEventListener('abort', () => dialog.close(), { once: true });
  document.body.append(dialog);
  dialog.showModal();
  (fields.querySelector('input:not([type=checkbox]), select') ?? go).focus();
}
// It may have been asked for all the same.
function isUnsure(problem) {
  return problem.kind === 'slow' || problem.kind === 'offline' || problem.kind === 'broken';
}
function logLink() {
  return link('/system', { at: 'actions' }, T.act.log);
}

// ---- what became of it ----

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

function rest(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

// Asks what became of it until that is known: its row, or null where the page is left. A reply that does not come is asked for again.
async function follow(id, tell, signal) {
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
    await rest(late ? POLL_SLOW_MS : POLL_MS, signal);
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
