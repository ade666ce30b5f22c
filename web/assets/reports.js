// The reports of the command line, row by row.
import { T } from './text.js';
import { ask } from './api.js';
import { count, el, link, mailboxLink, name, sentence, table, time } from './dom.js';
import { downloads, notesView, problemView } from './parts.js';
import { isWhole } from './session.js';

const TIMES = ['first', 'last', 'last_refused', 'last_passed', 'cloud_last', 'learning_until', 'time', 'seen'];

// Whatever a report has; a number is what is one in some row.
function columnOf(key, rows) {
  const some = rows.find((row) => row[key] !== null)?.[key];

  if (TIMES.includes(key)) return { key, as: (value) => time(value) };
  if (typeof some === 'number')
    return { key, number: true, as: (value) => (typeof value === 'number' ? count(value) : name(value)) };
  if (typeof some === 'boolean')
    return { key, as: (value) => (typeof value === 'boolean' ? T.reports.truth[value] : name(value)) };
  if (key === 'mailbox' || key === 'login' || key === 'who') return { key, as: mailboxLink };
  if (key === 'reason') return { key, as: (reason) => el('code', {}, reason) };
  if (key === 'meaning' || key === 'summary') return { key, as: sentence };
  return { key };
}
function holds(row, text) {
  return Object.values(row).some((value) => value !== null && String(value).toLowerCase().includes(text));
}

export async function reportsPage(view) {
  const { data } = await ask('reports', {}, view.signal);
  view.put(
    el('p', {}, T.reports.intro),
    table(
      T.pages.reports,
      [{ key: 'name', as: (kind) => link(`/reports/${encodeURIComponent(kind)}`, {}, kind) }, { key: 'summary' }],
      data,
      T.none,
    ),
  );
}

export async function reportPage(view) {
  const kind = view.rest;
  const period = kind === 'would-refuse' ? 'since' : 'days';
  const query = { [period]: view.query.get(period) };
  const path = `reports/${encodeURIComponent(kind)}`;
  const load = (after) => ask(path, { ...query, rows: 100, after }, view.signal);

  view.title(name(kind), kind);
  const [reply, list] = await Promise.all([load(), ask('reports', {}, view.signal)]);
  const known = list.data.find((one) => one.name === kind);
  const rows = [...reply.data];
  let { next } = reply;
  const place = el('div', {});
  const filter = el('input', { id: 'filter', type: 'search', autocomplete: 'off', oninput: draw });
  const summary = el('p', { class: 'dim' });

  function draw() {
    const text = filter.value.trim().toLowerCase();
    const shown = text === '' ? rows : rows.filter((row) => holds(row, text));
    summary.textContent =
      text === ''
        ? T.reports.rows(count(rows.length), next !== null)
        : T.reports.shown(count(shown.length), count(rows.length), next !== null);
    place.replaceChildren(
      table(
        kind,
        Object.keys(rows[0] ?? {}).map((key) => columnOf(key, rows)),
        shown,
        rows.length > 0 ? T.reports.shownNone : T.reports.none,
      ),
    );
    if (next !== null) place.append(el('p', {}, el('button', { type: 'button', onclick: more }, T.more)));
  }
  async function more(event) {
    event.target.disabled = true;
    try {
      const page = await load(next);
      rows.push(...page.data);
      ({ next } = page);
      draw();
    } catch (problem) {
      draw();
      place.append(problemView(problem));
    }
  }

  draw();
  view.put(
    el('p', {}, known ? `${known.summary}. ` : '', link('/reports', {}, T.reports.all)),
    ...[notesView(reply.notes)].filter(Boolean),
    el(
      'form',
      { class: 'ask', action: `/reports/${encodeURIComponent(kind)}`, onsubmit: view.submit },
      el('label', { for: 'period' }, T.reports[period]),
      el('input', { id: 'period', name: period, value: query[period] ?? '', size: 6, autocomplete: 'off' }),
      el('button', {}, T.reports.show),
    ),
    el(
      'section',
      {},
      el(
        'div',
        { class: 'ask' },
        el('label', { for: 'filter' }, T.reports.filter),
        filter,
        downloads(path, query, known?.script && isWhole() ? ['csv', 'json', 'powershell'] : ['csv', 'json']),
        kind === 'unused' && isWhole()
          ? downloads(path, { ...query, force: 'yes' }, ['powershell'], T.reports.force)
          : null,
      ),
      summary,
      place,
    ),
  );
}
