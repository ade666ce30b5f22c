// What is seen first.
import { T } from './text.js';
import { askOverview, askPart, latest } from './api.js';
import { badge, count, el, link, name, redraw, say, section, sentence, span, table, time, mailboxLink } from './dom.js';
import { hourChart } from './chart.js';
import { onLive, pause } from './live.js';
import { isWhole, mayRead, seesAll } from './session.js';
import { CHANGE_COLUMNS, DECISION_COLUMNS, notesView, problemView, subjectOf } from './parts.js';

const OVERVIEW_MS = 15000;
// Of some tenants there is no stream: what happens is asked for, at most so often.
const TENANT_MS = 5000;
const NETWORKS_MS = 60000;
const NETWORKS_MOST = 12;
const NEWEST = 12;
const TENANTS = 9;
const BLOCK_COLUMNS = [{ key: 'subject', as: subjectOf }, { key: 'since', as: (t) => time(t) }, { key: 'limit' }];

const NETWORK_COLUMNS = [
  { key: 'network' },
  { key: 'tenant' },
  { key: 'first', as: (t) => time(t) },
  { key: 'messages', number: true },
  { key: 'logins', number: true },
  { key: 'last_login', title: T.column.login, as: mailboxLink },
];

function directoryLight(directory) {
  if (directory.state !== 'read') return ['bad', T.overview.directory[directory.state] ?? directory.state];
  return directory.in_use === false ? ['warn', T.overview.notInUse] : ['good', T.overview.directory.read];
}
function tenantLight(tenant) {
  if (!tenant.settings_at) return ['bad', T.overview.tenantNever(tenant.name)];
  if (tenant.stale)
    return [tenant.stale === 'defer' ? 'bad' : 'warn', T.overview.tenantStale[tenant.stale](tenant.name)];
  return [
    'good',
    T.overview.tenant(tenant.name, count(tenant.mailboxes), span(Date.now() / 1000 - tenant.settings_at)),
  ];
}
function listenerLight(listener) {
  const kind = listener.state === 'answers' ? 'good' : listener.state.startsWith('not looked') ? 'off' : 'bad';
  return [kind, T.overview.listener(listener.program, listener.state)];
}
function clusterLights(cluster) {
  const lights = [
    cluster.shares ? ['good', T.overview.cluster.shares] : ['bad', T.overview.cluster.alone(cluster.why)],
  ];
  if (!cluster.shares) return lights;
  if (cluster.silent > 0) lights.push(['bad', T.overview.cluster.silent(cluster.silent_names)]);
  if (cluster.differing > 0) lights.push(['warn', T.overview.cluster.differing(cluster.differing_names)]);
  if (cluster.silent + cluster.differing === 0)
    lights.push(
      cluster.relays > 0
        ? ['good', T.overview.cluster.others(count(cluster.relays))]
        : ['warn', T.overview.cluster.nobody],
    );
  return lights;
}
// Services that are there and do not say that they run, though a listener of theirs answers.
function silentOf({ services = [], listeners = [] }) {
  return services.filter(
    ({ name: program, state }) =>
      state === 'silent' && listeners.every((one) => one.program !== program || one.state === 'answers'),
  );
}
// Of some tenants there is nothing of the relay itself.
function lightsOf(status) {
  const oldest = [...status.tenants].sort((a, b) => !a.stale - !b.stale || a.settings_at - b.settings_at);
  const lights = [
    ...(status.listeners ?? []).map(listenerLight),
    ...silentOf(status).map((service) => ['bad', T.overview.hangs(service.name)]),
    ...(status.cluster ? clusterLights(status.cluster) : []),
    ...(status.directory ? [directoryLight(status.directory)] : []),
    ...oldest.slice(0, TENANTS).map(tenantLight),
  ];
  if (oldest.length > TENANTS) lights.push(['good', T.overview.tenants(count(oldest.length - TENANTS))]);
  if (status.notices)
    lights.push(
      status.notices.given_up
        ? ['bad', T.overview.given(count(status.notices.given_up))]
        : [
            status.notices.waiting ? 'warn' : 'good',
            T.overview.alerts(status.notices.waiting && count(status.notices.waiting)),
          ],
    );
  if (status.journal_dropped === null) lights.push(['warn', T.overview.journalUnknown]);
  else if (status.journal_dropped !== undefined)
    lights.push([
      status.journal_dropped ? 'bad' : 'good',
      T.overview.journal(status.journal_dropped && count(status.journal_dropped)),
    ]);
  if (status.counters?.entries)
    lights.push(
      status.counters.crowded
        ? ['bad', T.overview.crowded(count(status.counters.crowded))]
        : ['good', T.overview.counters(count(status.counters.live), count(status.counters.entries))],
    );
  else if (status.state)
    lights.push([status.state === 'none' ? 'warn' : 'bad', T.overview.counted[status.state] ?? status.state]);
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
function connectorLink(one) {
  return link('/connector', { name: one }, name(one));
}
function rankingView(kind, rows) {
  const who = kind.includes('login') ? mailboxLink : kind === 'top_connectors' ? connectorLink : name;
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
  // Who sees only counts has no rows; and who sees some tenants no stream.
  const whole = isWhole();
  const first = await askOverview();
  const chart = hourChart(view.signal);
  const hour = el('div', {});
  const lights = el('div', {});
  const reasons = el('div', {});
  const blocked = el('div', {});
  const rankings = el('div', { class: 'columns' });
  const changes = el('div', {});
  const newest = el('div', {});
  const networks = el('div', {});
  let seen = [];
  let blockedNow = null;
  let streams = false; // then that says who is blocked
  let told = false; // and has, since it began

  function setBlocks(blocks, n) {
    redraw(
      blocked,
      table(T.overview.blocked, BLOCK_COLUMNS, blocks, T.overview.blockedNone),
      el('p', {}, link('/blocks', {}, T.overview.blockedMore)),
    );
    if (blockedNow !== null && n !== blockedNow) say(T.overview.blockedSaid(count(n)));
    blockedNow = n;
  }
  // How many, where it isn't known who.
  function setBlocked({ blocks }) {
    blocked.replaceChildren(
      el(
        'p',
        { class: 'none' },
        blocks === null || blocks === undefined
          ? T.overview.blockedUnknown
          : blocks > 0
            ? T.overview.blockedSaid(count(blocks))
            : T.overview.blockedNone,
      ),
    );
  }
  function set({ data, notes }) {
    const unknown = data.decisions === null || data.status.journal_dropped === null;
    if (unknown) hour.replaceChildren(el('p', { class: 'none' }, T.overview.newestUnknown));
    else if (chart.node.parentNode !== hour) hour.replaceChildren(chart.node);
    if (data.decisions) {
      seen = data.decisions;
      drawDecisions();
    } else if (data.decisions === null) {
      newest.replaceChildren(el('p', { class: 'none' }, T.overview.newestUnknown));
    }
    lights.replaceChildren(...[notesView(notes), lightsView(data.status)].filter((node) => node !== null));
    chart.set(structuredClone(data.rates));
    redraw(reasons, unknown ? el('p', { class: 'none' }, T.overview.newestUnknown) : reasonsView(data.rates.reasons));
    redraw(
      rankings,
      ...Object.keys(T.overview.top)
        .filter((kind) => data.status[kind]?.length > 0)
        .map((kind) => rankingView(kind, data.status[kind])),
    );
    if (data.changes !== undefined)
      redraw(
        changes,
        data.changes === null
          ? el('p', { class: 'none' }, T.overview.changesUnknown)
          : table(T.overview.changes, CHANGE_COLUMNS, data.changes, T.overview.changesNone),
      );
  }
  function onEvent(event) {
    if (event.decided) chart.add(event.at, event.decided);
    if (event.blocks) {
      told = true;
      setBlocks(event.blocks, event.blocked);
    }
    if (event.decisions?.length > 0) addDecisions(event.decisions);
  }
  function drawDecisions() {
    redraw(newest, table(T.overview.newest, DECISION_COLUMNS, seen, T.overview.newestNone));
  }
  // The first event may have some that the log had.
  function addDecisions(decisions) {
    const known = new Set(seen.map(keyOf));
    seen = [...decisions.filter((one) => !known.has(keyOf(one))).reverse(), ...seen].slice(0, NEWEST);
    drawDecisions();
  }

  // Asked for once the rest is there: it goes through a day.
  async function setNetworks() {
    const reply = await askPart('networks', { rows: NETWORKS_MOST }, view.signal);
    redraw(
      networks,
      ...(reply.problem
        ? [problemView(reply.problem)]
        : [
            ...reply.notes.map((note) => el('p', { class: 'dim' }, sentence(note))),
            table(T.overview.networks, NETWORK_COLUMNS, reply.data, T.overview.networksNone),
            reply.next === null ? null : el('p', {}, link('/reports/new-networks', {}, T.overview.networksMore)),
          ].filter((node) => node !== null)),
    );
  }
  const setOwnBlocks = latest(
    async () => ({
      ...(await askPart('blocks', { rows: 20 }, view.signal)),
      count: (await askOverview()).data.status.blocks,
    }),
    ({ data, next, problem, count: all }) =>
      problem
        ? blocked.replaceChildren(problemView(problem))
        : setBlocks(data, next === null ? data.length : (all ?? data.length)),
  );
  const again = latest(askOverview, async (reply) => {
    set(reply);
    if (!mayRead()) setBlocked(reply.data.status);
    else if (!whole || !streams) await setOwnBlocks();
  });
  // What happens elsewhere may be of the tenants, too: they are looked at again, not more often than TENANT_MS.
  let waits = false;
  function lookAgain() {
    if (waits || document.hidden) return;
    waits = true;
    setTimeout(() => {
      waits = false;
      if (!view.signal.aborted) again().catch(() => {});
    }, TENANT_MS);
  }

  set(first);
  setBlocked(first.data.status);
  view.put(
    section(T.overview.state, lights),
    section(T.overview.hour, hour),
    el('div', { class: 'columns' }, section(T.overview.blocked, blocked), section(T.overview.reasons, reasons)),
    ...(mayRead()
      ? [
          section(T.overview.newest, newest),
          rankings,
          section(T.overview.networks, networks),
          section(T.overview.changes, changes),
        ]
      : []),
  );
  // The stream says who is blocked when it begins, and when that changes. Where another page or window had its beginning, it is asked for.
  async function onStream(wait) {
    if (!whole || !mayRead()) return;
    await pause(wait, view.signal);
    if (!told && !view.signal.aborted) await setOwnBlocks();
  }
  let begun = false;
  onLive((kind, what) => {
    if (kind === 'state') {
      streams = what.state === 'on';
      if (!streams) told = false;
      if (streams) onStream(begun ? TENANT_MS : 0).catch((problem) => view.fail(problem));
    } else if (whole) onEvent(what);
    else lookAgain();
  }, view.signal);
  begun = true;
  view.each(whole || !mayRead() || seesAll() ? OVERVIEW_MS : TENANT_MS, again);
  if (!mayRead()) return;
  if (!whole) setOwnBlocks().catch((problem) => view.fail(problem));
  setNetworks().catch((problem) => view.fail(problem));
  view.each(NETWORKS_MS, setNetworks);
}
