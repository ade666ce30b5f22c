// What several pages show.
import { T } from './text.js';
import { askFile, target } from './api.js';
import { badge, count, el, facts, link, mailboxLink, name, sentence, table, time, verdict } from './dom.js';

// A Problem, as what it is; again: what its button does.
export function problemView(problem, again) {
  const kind = T.error[problem.kind] ? problem.kind : 'broken';
  return el(
    'div',
    { class: 'problem', role: 'alert' },
    el('p', {}, badge('bad', T.error[kind])),
    problem.text ? el('p', {}, sentence(problem.text)) : problem.kind ? null : el('p', {}, sentence(problem.message)),
    again ? el('p', {}, el('button', { type: 'button', onclick: again }, T.again)) : null,
  );
}

export function notesView(notes) {
  return notes.length === 0
    ? null
    : el(
        'ul',
        { class: 'notes' },
        notes.map((note) => el('li', {}, badge('warn', T.state.warn), ' ', sentence(note))),
      );
}

export function reasonOf(reason, row) {
  return el(
    'span',
    {},
    el('code', {}, reason),
    row?.would ? el('span', { class: 'dim' }, ` (${T.mailbox.would} ${row.would})`) : null,
  );
}

const WHEN = { key: 'time', as: (t) => time(t) };
const WHAT = { key: 'verdict', as: verdict };
const WHY = { key: 'reason', as: reasonOf };
const LOGIN = { key: 'login', as: (login, row) => (login === null ? name(row.connector) : mailboxLink(login)) };

export const DECISION_COLUMNS = [WHEN, WHAT, LOGIN, { key: 'client' }, WHY, { key: 'limit' }];
export const DECISION_COLUMNS_OF_ONE = [
  WHEN,
  WHAT,
  WHY,
  { key: 'client' },
  { key: 'sender' },
  { key: 'recipients', number: true },
  { key: 'limit' },
  { key: 'tls' },
  { key: 'method' },
];

// The subject of a block, "user anna@contoso.example": a link where it is somebody's.
export function subjectOf(subject) {
  const [kind, ...rest] = subject.split(' ');
  return kind === 'user' && rest.length > 0 ? el('span', {}, 'user ', mailboxLink(rest.join(' '))) : name(subject);
}
export function userOf(subject) {
  return subject.startsWith('user ') ? subject.slice(5) : null;
}

export const CHANGE_COLUMNS = [
  { key: 'seen', as: (t) => time(t) },
  { key: 'tenant' },
  { key: 'mailbox', as: mailboxLink },
  { key: 'setting' },
  { key: 'before' },
  { key: 'after' },
  { key: 'how' },
  { key: 'source' },
  { key: 'by' },
];

// The decision for one message: action, reply, meaning, steps.
export function decisionView(x) {
  return [
    el(
      'p',
      { class: 'decision' },
      verdict(x.action),
      ' ',
      el('code', {}, x.reason),
      x.limit ? [' ', name(x.limit)] : null,
    ),
    facts([
      [T.mailbox.reply, x.reply ? el('code', {}, sentence(x.reply)) : null],
      [T.mailbox.meaning, x.meaning],
      [T.mailbox.would, x.would ? el('code', {}, x.would) : null],
      [T.column.learning_until, x.learning_until ? time(x.learning_until) : null],
    ]),
    el(
      'details',
      { open: true },
      el('summary', {}, T.mailbox.why),
      el(
        'ol',
        { class: 'steps' },
        x.steps.map((step) => el('li', {}, sentence(step))),
      ),
    ),
  ];
}

export function limitsView(limits, caption) {
  return limits.length === 0
    ? null
    : table(
        caption,
        [
          { key: 'limit' },
          {
            key: 'used',
            title: T.mailbox.used,
            as: (used, row) =>
              el(
                'span',
                { class: 'level' },
                usedMeter(used, row.most),
                ' ',
                T.mailbox.usedText(count(used), count(row.most)),
              ),
          },
          { key: 'free_at', title: T.mailbox.freeAt, as: (t) => time(t) },
          { key: 'empty_at', title: T.mailbox.emptyAt, as: (t) => time(t) },
        ],
        limits,
        T.none,
      );
}
function usedMeter(used, most) {
  return el('meter', {
    min: 0,
    max: Math.max(most, 1),
    value: Math.min(used, most),
    high: most * 0.8,
    optimum: 0,
    'aria-label': T.mailbox.usedText(used, most),
  });
}

// Rows that came meanwhile, on top, have moved the others down: the next page then begins with the last ones of those that are there.
function withoutThose(rows, page) {
  const there = rows.map((row) => JSON.stringify(row));
  const came = page.map((row) => JSON.stringify(row));
  for (let n = Math.min(there.length, came.length); n > 0; n--)
    if (there.slice(-n).every((row, i) => row === came[i])) return page.slice(n);
  return page;
}

// Rows that come page by page: a table and a button for more. load(after): a reply.
export function pagedRows(caption, columns, first, load, none, options) {
  if (first.problem) return problemView(first.problem);
  const place = el('div', {});
  const rows = [...first.data];
  let next = first.next;

  async function more(event) {
    event.target.disabled = true;
    try {
      const reply = await load(next);
      rows.push(...withoutThose(rows, reply.data));
      next = reply.next;
      draw();
    } catch (problem) {
      draw();
      place.append(problemView(problem));
    }
  }
  function draw() {
    place.replaceChildren(table(caption, columns, rows, none, options));
    if (next !== null) place.append(el('p', {}, el('button', { type: 'button', onclick: more }, T.more)));
  }
  draw();
  return place;
}

export function downloads(path, query, kinds, word) {
  const wrong = el('div', {});
  async function take(event) {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const { href } = event.currentTarget;
    wrong.replaceChildren();
    try {
      await askFile(href);
      const file = el('a', { href, download: true, hidden: true });
      wrong.replaceChildren(file);
      file.click();
    } catch (problem) {
      wrong.replaceChildren(problemView(problem));
    }
  }
  return el(
    'div',
    {},
    el(
      'p',
      { class: 'downloads' },
      kinds.map((kind) =>
        el(
          'a',
          { href: target(path, { ...query, format: kind }), download: true, onclick: take },
          word ?? T.reports[kind],
        ),
      ),
    ),
    wrong,
  );
}

export function explainLink(user) {
  return link('/explain', { user }, T.blocks.explain);
}
