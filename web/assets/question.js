// What is asked before the relay is: what will happen, why, and then what became of it. Nothing is taken as done before the relay says so.
import { T } from './text.js';
import { badge, el, focusKey, name, say, shown, wholeName } from './dom.js';
import { follow, logLink } from './outcome.js';
import { problemView } from './parts.js';
import { change, ownTenants, whoAsks } from './session.js';

const TEXT_MOST = { subject: 320, reason: 200 };
// Pages are made of what is at most a second old, and lists are followed within two.
const AGAIN_MS = [0, 1200, 3500];

// Can the interface be told this name? What it would refuse or change gets no button.
export function isTold(text) {
  return (
    text !== '' &&
    text === text.trim() &&
    new TextEncoder().encode(text).length <= TEXT_MOST.subject &&
    !/[\p{Cc}\p{Cs}]/u.test(text)
  );
}
export function subjectView(subject) {
  return el('span', {}, T.act.kinds[subject.kind] ?? subject.kind, ' ', name(subject.name));
}

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
    const again = textInput('act-confirm', 'confirm', Math.max(TEXT_MOST.subject, shown(subject.name).length));
    again.setAttribute('aria-describedby', 'act-confirm-hint');
    fields.push(field('act-confirm', T.act.confirm, again, el('code', {}, wholeName(subject.name))));
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
  // What is not seen can't be typed: as it is shown will do.
  if (verb.confirm) {
    const again = filled.get('confirm').trim();
    asked.confirm = again === shown(asked.subject) ? asked.subject : again;
  }
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

export function openQuestion(task) {
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
      say(`${words.title} ${shown(subject?.name ?? '')}: ${T.act.states[row.state]}`);
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
