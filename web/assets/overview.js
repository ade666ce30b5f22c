// What is seen first.
import { T } from './text.js';
import { askOverview, askPart } from './api.js';
import {
  badge,
  count,
  el,
  heading,
  link,
  name,
  say,
  section,
  sentence,
  span,
  table,
  time,
  mailboxLink,
} from './dom.js';
import { hourChart } from './chart.js';
import { onLive } from './live.js';
import { mayRead } from './session.js';
import { CHANGE_COLUMNS, DECISION_COLUMNS, notesView, problemView, subjectOf } from './parts.js';

const OVERVIEW_MS = 15000;
const NEWEST = 12;
const TENANTS = 9;
const BLOCK_COLUMNS = [{ key: 'subject', as: subjectOf }, { key: 'since', as: (t) => time(t) }, { key: 'limit' }];

function directoryLight(directory) {
  if (directory.state !== 'read') return ['bad', T.overview.directory[directory.state] ?? directory.state];
  return directory.in_use === false ? ['warn', T.overview.notInUse] : ['good', T.overview.directory.read];
}
function tenantLight(tenant) {
  if (!tenant.settings_at) return ['bad', T.overview.tenantNever(tenant.name)];
  return [
    'good',
    T.overview.tenant(tenant.name, count(tenant.mailboxes), span(Date.now() / 1000 - tenant.settings_at)),
  ];
}
function listenerLight(listener) {
  const kind = listener.state === 'answers' ? 'good' : listener.state.startsWith('not looked') ? 'off' : 'bad';
  return [kind, T.overview.listener(listener.program, listener.state)];
}
function lightsOf(status) {
  const oldest = [...status.tenants].sort((a, b) => a.settings_at - b.settings_at);
  const lights = [
    ...status.listeners.map(listenerLight),
    directoryLight(status.directory),
    ...oldest.slice(0, TENANTS).map(tenantLight),
  ];
  if (oldest.length > TENANTS) lights.push(['good', T.overview.tenants(count(oldest.length - TENANTS))]);
  if (status.notices)
    lights.push(
      status.notices.given_up
        ? ['bad', T.overview.given(status.notices.given_up)]
        : [status.notices.waiting ? 'warn' : 'good', T.overview.alerts(status.notices.waiting)],
    );
  if (status.journal_dropped !== undefined)
    lights.push([status.journal_dropped ? 'bad' : 'good', T.overview.journal(status.journal_dropped)]);
  if (status.counters?.entries)
    lights.push(
      status.counters.crowded
        ? ['bad', T.overview.crowded(status.counters.crowded)]
        : ['good', T.overview.counters(count(status.counters.live), count(status.counters.entries))],
    );
  return lights;
}
function lightsView(status) {
  return el(
    'ul',
    { class: 'lights' },
    lightsOf(status).map(([kind, text]) => el('li', {}, badge(kind, T.state[kind]), sentence(text))),
  );
}

function reasonsView(reasons) {
  const rows = Object.entries(reasons)
    .map(([reason, steps]) => ({ reason, count: steps.reduce((a, b) => a + b, 0) }))
    .filter((row) => row.count > 0)
    .sort((a, b) => b.count - a.count);
  return table(
    T.overview.reasons,
    [
      { key: 'reason', as: (reason) => el('code', {}, reason) },
      { key: 'count', number: true },
    ],
    rows,
    T.overview.quiet,
  );
}
function rankingView(kind, rows) {
  const who = kind.includes('login') ? mailboxLink : name;
  return el(
    'section',
    {},
    el('h3', {}, T.overview.top[kind]),
    table(
      T.overview.top[kind],
      [
        { key: 'name', as: who },
        { key: 'passed', number: true },
        { key: 'refused', number: true },
      ],
      rows,
      T.none,
    ),
  );
}

function keyOf(decision) {
  return [decision.time, decision.instance, decision.stage, decision.login, decision.client].join(' ');
}

export async function overviewPage(view) {
  // Who sees only counts has no rows, and no stream.
  const [first, log] = await Promise.all([
    askOverview(),
    mayRead() ? askPart('log', { rows: NEWEST }, view.signal) : { data: [] },
  ]);
  const chart = hourChart(view.signal);
  const lights = el('div', {});
  const reasons = el('div', {});
  const blocked = el('div', {});
  const rankings = el('div', { class: 'columns' });
  const changes = el('div', {});
  const newest = el('div', {});
  let seen = log.data;
  let blockedNow = null;

  function setBlocks(blocks, n) {
    blocked.replaceChildren(
      table(T.overview.blocked, BLOCK_COLUMNS, blocks, T.overview.blockedNone),
      el('p', {}, link('/blocks', {}, T.overview.blockedMore)),
    );
    if (blockedNow !== null && n !== blockedNow) say(T.overview.blockedSaid(n));
    blockedNow = n;
  }
  function set({ data, notes }) {
    lights.replaceChildren(...[notesView(notes), lightsView(data.status)].filter((node) => node !== null));
    chart.set(structuredClone(data.rates));
    reasons.replaceChildren(reasonsView(data.rates.reasons));
    rankings.replaceChildren(
      ...Object.keys(T.overview.top)
        .filter((kind) => data.status[kind]?.length > 0)
        .map((kind) => rankingView(kind, data.status[kind])),
    );
    if (data.changes !== undefined)
      changes.replaceChildren(
        data.changes === null
          ? el('p', { class: 'none' }, T.overview.changesUnknown)
          : table(T.overview.changes, CHANGE_COLUMNS, data.changes, T.overview.changesNone),
      );
  }
  function onEvent(event) {
    if (event.decided) chart.add(event.at, event.decided);
    if (event.blocks) setBlocks(event.blocks, event.blocked);
    if (event.decisions?.length > 0) addDecisions(event.decisions);
  }
  function drawDecisions() {
    newest.replaceChildren(table(T.overview.newest, DECISION_COLUMNS, seen, T.overview.newestNone));
  }
  // The first event may have some that the log had.
  function addDecisions(decisions) {
    const known = new Set(seen.map(keyOf));
    seen = [...decisions.filter((one) => !known.has(keyOf(one))).reverse(), ...seen].slice(0, NEWEST);
    drawDecisions();
  }

  set(first);
  if (log.problem) newest.append(problemView(log.problem));
  else drawDecisions();
  blocked.append(
    el(
      'p',
      { class: 'none' },
      first.data.status.blocks ? T.overview.blockedSaid(first.data.status.blocks) : T.overview.blockedNone,
    ),
  );
  view.put(
    section(T.overview.state, lights),
    el('section', {}, heading(T.overview.hour), chart.node),
    el('div', { class: 'columns' }, section(T.overview.blocked, blocked), section(T.overview.reasons, reasons)),
    ...(mayRead() ? [section(T.overview.newest, newest), rankings, section(T.overview.changes, changes)] : []),
  );
  onLive((kind, what) => kind === 'event' && onEvent(what), view.signal);
  view.each(OVERVIEW_MS, async () => set(await askOverview()));
}
