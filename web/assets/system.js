// The configuration in plain words, where the settings are from, what is kept.
import { T } from './text.js';
import { actButtons, askVerbs } from './acts.js';
import { ask, askPart } from './api.js';
import { badge, el, name, section, sentence, span, table, time } from './dom.js';
import { actLog } from './outcome.js';
import { CHANGE_COLUMNS, notesView, pagedRows } from './parts.js';
import { keptView, limitsTable, nodesView } from './relay.js';
import { isWhole, seesAll } from './session.js';

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
  { key: 'learning_until', as: (until) => (until ? time(until) : T.no) },
  { key: 'source' },
  { key: 'mirrored', as: (_, tenant) => sentence(partsOf(tenant, true)) },
  { key: 'missing', as: (_, tenant) => sentence(partsOf(tenant, false) || T.none) },
];
function runResult(result) {
  return badge({ ok: 'good', unchanged: 'good' }[result] ?? 'bad', result);
}

// Of the relay itself, for who sees all of it.
function relayParts(config, status, cluster, reload) {
  return [
    section(
      T.system.config,
      el('p', { class: 'dim' }, name(config.data.file)),
      reload,
      el(
        'div',
        { class: 'cards' },
        config.data.sections
          .filter((one) => one.title !== 'Limits')
          .map((one) =>
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
    section(T.system.limits, limitsTable(config.data.limits)),
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
    section(T.system.nodes, ...nodesView(cluster)),
    section(T.system.state, keptView(status.data)),
  ];
}

export async function systemPage(view) {
  const load = (path) => (after) => (after ? ask : askPart)(path, { rows: 20, after }, view.signal);
  const whole = isWhole();
  const [status, runs, changes, verbs, config, cluster] = await Promise.all([
    ask('status', {}, view.signal),
    load('runs')(),
    load('changes')(),
    askVerbs(view.signal),
    whole ? ask('config', {}, view.signal) : null,
    whole ? askPart('cluster', {}, view.signal) : null,
  ]);
  const log = actLog(view.signal);
  const reload = actButtons(verbs, null, ['reload'], log.fill, view.signal);

  view.put(
    ...[notesView(status.notes)].filter(Boolean),
    ...(whole ? relayParts(config, status, cluster, reload) : seesAll() ? [el('p', { class: 'dim' }, T.system.narrowed)] : []),
    section(T.system.mirror, table(T.system.mirror, TENANT_COLUMNS, status.data.tenants, T.none)),
    section(
      T.system.runs,
      pagedRows(
        T.system.runs,
        [
          { key: 'ended', as: (t) => time(t) },
          { key: 'tenant', as: (tenant) => (tenant === null ? T.system.everyTenant : name(tenant)) },
          { key: 'how' },
          { key: 'result', as: runResult },
          { key: 'changes', number: true },
          { key: 'took', number: true, as: span },
          { key: 'trouble', as: (trouble) => (trouble === null ? '' : sentence(trouble)) },
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
    log.node,
  );
  if (view.query.get('at') === 'actions') log.node.scrollIntoView();
}
