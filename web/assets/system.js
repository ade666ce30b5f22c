// The configuration in plain words, where the settings are from, what is kept.
import { T } from './text.js';
import { actButtons, askVerbs } from './acts.js';
import { ask, askPart } from './api.js';
import { badge, count, el, facts, name, section, sentence, table, time } from './dom.js';
import { actLog } from './outcome.js';
import { CHANGE_COLUMNS, notesView, pagedRows } from './parts.js';

// The parts that are mirrored, and those that are not.
function partsOf(tenant, mirrored) {
  return Object.entries(tenant.parts)
    .filter(([, part]) => (part !== null) === mirrored)
    .map(([part]) => part)
    .join(', ');
}
const TENANT_COLUMNS = [
  { key: 'name', title: T.column.tenant },
  { key: 'mailboxes', number: true },
  { key: 'settings_at', as: (at) => time(at) },
  { key: 'smtp_auth' },
  { key: 'source' },
  { key: 'mirrored', as: (_, tenant) => sentence(partsOf(tenant, true)) },
  { key: 'missing', as: (_, tenant) => sentence(partsOf(tenant, false) || T.none) },
];
function keptOf(status) {
  const { counters = {}, habits = {}, notices } = status;
  return [
    ['entries', counters.entries],
    ['live', counters.live],
    ['crowded', counters.crowded],
    ['displaced', counters.displaced],
    ['known', habits.known],
    ['learning', habits.learning],
    ['waiting', notices?.waiting],
    ['given_up', notices?.given_up],
    ['dropped', status.journal_dropped],
  ]
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => [T.system.kept[key], count(value)]);
}

export async function systemPage(view) {
  const load = (path) => (after) => (after ? ask : askPart)(path, { rows: 20, after }, view.signal);
  const [config, status, runs, changes, verbs] = await Promise.all([
    ask('config', {}, view.signal),
    ask('status', {}, view.signal),
    load('runs')(),
    load('changes')(),
    askVerbs(view.signal),
  ]);
  const log = actLog(view.signal);

  view.put(
    ...[notesView(status.notes)].filter(Boolean),
    section(
      T.system.config,
      el('p', { class: 'dim' }, name(config.data.file)),
      actButtons(verbs, null, ['reload'], log.fill, view.signal),
      el(
        'div',
        { class: 'cards' },
        config.data.sections.map((one) =>
          el(
            'article',
            { class: 'card' },
            el('h3', {}, one.title),
            el(
              'ul',
              {},
              one.sentences.map((text) => el('li', {}, sentence(text))),
            ),
          ),
        ),
      ),
    ),
    section(
      T.system.warnings,
      table(
        T.system.warnings,
        [
          { key: 'where', as: (where) => el('code', {}, name(where)) },
          { key: 'warning', as: sentence },
        ],
        config.data.warnings,
        T.none,
      ),
    ),
    section(
      T.system.services,
      table(
        T.system.services,
        [
          { key: 'program' },
          { key: 'address' },
          {
            key: 'state',
            as: (state) => badge(state === 'answers' ? 'good' : state.startsWith('not looked') ? 'off' : 'bad', state),
          },
        ],
        status.data.listeners,
        T.none,
      ),
    ),
    section(T.system.mirror, table(T.system.mirror, TENANT_COLUMNS, status.data.tenants, T.none)),
    section(
      T.system.runs,
      pagedRows(
        T.system.runs,
        [
          { key: 'ended', as: (t) => time(t) },
          { key: 'tenant' },
          { key: 'how' },
          { key: 'result' },
          { key: 'changes', number: true },
          { key: 'trouble' },
        ],
        runs,
        load('runs'),
        T.system.runsNone,
      ),
    ),
    section(
      T.system.changes,
      pagedRows(T.system.changes, CHANGE_COLUMNS, changes, load('changes'), T.system.changesNone),
    ),
    section(T.system.state, facts(keptOf(status.data))),
    log.node,
  );
  if (view.query.get('at') === 'actions') log.node.scrollIntoView();
}
