// Finding a mailbox, and all that is known of one: what it may, why, what it did.
import { T } from './text.js';
import { actButtons, askVerbs, blockActs, userSubject } from './acts.js';
import { ask, askPart, latest } from './api.js';
import {
  badge,
  count,
  el,
  facts,
  link,
  mailboxLink,
  name,
  redraw,
  section,
  sentence,
  table,
  time,
  whole,
} from './dom.js';
import { changesPart } from './history.js';
import { seesAll } from './session.js';
import {
  DECISION_COLUMNS_OF_ONE,
  decisionView,
  downloads,
  explainLink,
  limitsView,
  notesView,
  pagedRows,
  problemView,
  subjectOf,
} from './parts.js';

const FOUND_COLUMNS = [
  { key: 'mailbox', as: mailboxLink },
  { key: 'name' },
  { key: 'setting', as: (s) => settingView(s) },
  { key: 'tenant' },
  { key: 'upn' },
  { key: 'alias' },
  { key: 'account' },
  { key: 'type' },
];

function settingView(setting) {
  const kinds = { enabled: 'good', disabled: 'bad' };
  return badge(kinds[setting] ?? 'off', T.mailbox.setting[setting] ?? setting);
}
export function truth(value) {
  return value === null || value === undefined ? null : value ? T.yes : T.no;
}

function connectorView(connector) {
  return el(
    'article',
    { class: 'card' },
    el('h3', {}, link('/connector', { name: connector.name }, name(connector.name))),
    facts([
      [T.column.tenant, connector.tenant],
      [T.column.networks, sentence(connector.networks.join(', ') + (connector.more_networks ? ' …' : ''))],
      [T.column.monitor, truth(connector.monitor)],
    ]),
    decisionView(connector.verdict),
    limitsView(connector.verdict.limits, `${T.mailbox.limits}: ${connector.name}`),
  );
}

export async function mailboxesPage(view) {
  const q = view.query.get('q') ?? '';
  const form = el(
    'form',
    { class: 'ask', role: 'search', action: '/mailboxes', onsubmit: view.submit },
    el('label', { for: 'q' }, T.mailbox.find),
    el('input', {
      id: 'q',
      name: 'q',
      type: 'search',
      value: q,
      maxlength: 128,
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-describedby': 'q-hint',
    }),
    el('button', {}, T.mailbox.search),
    el('p', { id: 'q-hint', class: 'dim' }, T.mailbox.hint),
  );
  const found = el('div', {});
  view.put(form, found);
  if (q.trim() !== '') {
    const load = (after) => ask('mailboxes', { q, rows: 50, after }, view.signal);
    const reply = await load();
    found.replaceChildren(
      ...[notesView(reply.notes)].filter(Boolean),
      section(T.mailbox.found, pagedRows(T.mailbox.found, FOUND_COLUMNS, reply, load, T.mailbox.foundNone)),
      el('p', {}, link('/mailbox', { name: q.trim() }, T.mailbox.open, name(q.trim()))),
    );
  }
  const connectors = await ask('connectors', {}, view.signal);
  view.add(
    section(
      T.mailbox.connectors,
      connectors.data.length === 0
        ? el('p', { class: 'none' }, T.mailbox.connectorsNone)
        : el('div', { class: 'cards' }, connectors.data.map(connectorView)),
    ),
  );
}

function mirrored(m) {
  if (!m.known) return el('p', {}, badge('off', T.unknown), ' ', T.mailbox.unknown);
  return facts([
    [T.column.setting, settingView(m.setting)],
    [T.column.organization_setting, settingView(m.organization_setting)],
    [T.column.mailbox, name(m.mailbox)],
    [T.column.name, m.name && name(m.name)],
    [T.column.tenant, m.tenant],
    [T.column.upn, m.upn && name(m.upn)],
    [T.column.alias, m.alias && name(m.alias)],
    [T.column.account, m.account && name(m.account)],
    [T.column.addresses, m.addresses.length > 0 ? m.addresses.map((a) => el('div', {}, name(a))) : null],
    [T.column.type, m.type],
    [T.column.auth_policy, m.auth_policy && name(m.auth_policy)],
    [T.column.may_sign_in, truth(m.may_sign_in)],
    [T.column.restricted, truth(m.restricted)],
    [T.column.listed, T.mailbox.listed[m.listed]],
    [T.column.id, el('code', {}, m.id)],
  ]);
}
function usageView(u) {
  if (!u) return el('p', { class: 'none' }, T.mailbox.usageNone);
  return [
    facts([
      [T.column.first, time(u.first)],
      [T.column.last, time(u.last)],
      [T.column.last_refused, u.last_refused && time(u.last_refused)],
      [T.column.messages, count(u.messages)],
      [T.column.recipients, count(u.recipients)],
      [T.column.bytes, count(u.bytes)],
      [T.column.basic, count(u.basic)],
      [T.column.oauth, count(u.oauth)],
      [T.column.tls, u.by_tls.map((t) => `${t.tls} ${count(t.messages)}`).join(', ')],
    ]),
    table(T.column.clients, [{ key: 'client' }, { key: 'last', as: (t) => time(t) }], u.clients, T.none),
    u.refused.length === 0
      ? null
      : table(
          T.column.refused,
          [
            { key: 'reason', as: (r) => el('code', {}, r) },
            { key: 'messages', number: true },
          ],
          u.refused,
          T.none,
        ),
    u.would_refuse.length === 0
      ? null
      : table(
          T.band.would,
          [
            { key: 'reason', as: (r) => el('code', {}, r) },
            { key: 'messages', number: true },
          ],
          u.would_refuse,
          T.none,
        ),
  ];
}
export function habitView(h) {
  return facts(
    ['messages_hour', 'messages_day', 'now_hour', 'today']
      .map((key) => [T.column[key], count(h[key])])
      .concat([
        [T.column.learnt, truth(h.learnt)],
        [T.column.learning_until, h.learning_until && time(h.learning_until)],
      ]),
  );
}

export function timeline(view, user, first) {
  const place = el('div', {});
  const load = (verdict) => (after) => ask('log', { user, rows: 25, verdict, after }, view.signal);
  // What was asked for and what came are of the same choice, whatever was chosen meanwhile.
  const draw = (verdict, reply) =>
    place.replaceChildren(
      pagedRows(T.mailbox.timeline, DECISION_COLUMNS_OF_ONE, reply, load(verdict), T.mailbox.timelineNone),
      downloads('log', { user, verdict }, ['csv', 'json']),
    );
  async function choose() {
    const verdict = choice.value || null;
    const isStill = () => (choice.value || null) === verdict && !view.signal.aborted;
    try {
      const reply = await load(verdict)();
      if (isStill()) draw(verdict, reply);
    } catch (problem) {
      if (problem.kind === 'sign-in') view.fail(problem);
      else if (isStill()) place.replaceChildren(problemView(problem, choose));
    }
  }
  const choice = el(
    'select',
    { id: 'verdicts', autocomplete: 'off', onchange: choose },
    el('option', { value: '' }, T.mailbox.all),
    Object.entries(T.verdict).map(([value, word]) => el('option', { value }, word)),
  );
  draw(null, first);
  return section(
    T.mailbox.timeline,
    el('p', {}, el('label', { for: 'verdicts' }, T.mailbox.filter), ' ', choice),
    place,
  );
}

const STANDING_COLUMNS = [
  { key: 'subject', as: subjectOf },
  { key: 'since', as: (t) => time(t) },
  { key: 'until', as: (t) => (t ? time(t) : T.blocks.forever) },
  { key: 'limit', as: (limit) => (limit === 'operator' ? T.blocks.operator : name(limit)) },
  { key: 'reason' },
];

// Names that would be steps in a path can't be asked for in one.
function pathOf(login) {
  return `mailboxes/${encodeURIComponent(whole(login))}`;
}

// What blocks it; nothing where nothing does.
export function blocksPart(blocks) {
  return blocks.length === 0
    ? []
    : [section(T.mailbox.blocks, table(T.mailbox.blocks, STANDING_COLUMNS, blocks, T.none))];
}

// What can be done about it, as it stands.
function actsOf(m) {
  const habit = m.habit;
  const beyond = habit?.learnt && (habit.today > habit.messages_day || habit.now_hour > habit.messages_hour);
  return [
    ...blockActs(m.blocks),
    ...(m.blocks.length === 0 && beyond ? ['accept'] : []),
    'hold',
    'release',
    'discard',
    ...(m.listed === 'allowed' ? [] : ['allow']),
    ...(m.listed === 'denied' ? [] : ['deny']),
    ...(m.listed === null ? [] : ['forget']),
    ...(m.writeback && m.setting !== 'disabled' ? ['disable'] : []),
  ];
}

export async function mailboxPage(view) {
  const login = view.query.get('name') ?? '';
  if (/^\.{0,2}$/.test(login)) {
    view.put(el('p', {}, badge('off', T.unknown), ' ', T.mailbox.unknown));
    return;
  }
  view.title(name(login), login);
  const load = () => ask(pathOf(login), {}, view.signal);
  const [first, log, verbs] = await Promise.all([
    load(),
    askPart('log', { user: login, rows: 25 }, view.signal),
    askVerbs(view.signal),
  ]);
  const { mailbox } = first.data;
  const all = el('div', {});
  const past = el('div', {}, timeline(view, login, log), changesPart(mailbox ?? login, view.signal));
  const set = (reply) => redraw(all, ...partsOfOne(reply, login, past, verbs, again, view.signal));
  const look = latest(load, set);
  const again = () => look().catch((problem) => view.fail(problem));
  view.title(name(mailbox ?? login), mailbox ?? login);
  set(first);
  view.put(all);
}

// All of it but what was decided, which stays as it is shown when the rest is asked for again.
function partsOfOne(reply, login, past, verbs, again, signal) {
  const m = reply.data;
  const acts = actButtons(verbs, userSubject(m.mailbox ?? login, m.habit !== null), actsOf(m), again, signal);
  return [
    ...[notesView(reply.notes)].filter(Boolean),
    ...blocksPart(m.blocks),
    ...(acts ? [section(T.act.heading, acts)] : []),
    el(
      'div',
      { class: 'columns' },
      section(T.mailbox.basic, decisionView(m.basic)),
      section(T.mailbox.oauth, decisionView(m.oauth)),
    ),
    section(
      T.mailbox.limits,
      limitsView(m.basic.limits, T.mailbox.limits) ?? el('p', { class: 'none' }, T.none),
      seesAll() ? el('p', { class: 'links' }, explainLink(login)) : null,
    ),
    el(
      'div',
      { class: 'columns' },
      section(T.mailbox.facts, mirrored(m)),
      section(T.mailbox.usage, usageView(m.usage)),
    ),
    past,
    ...(m.habit ? [section(T.mailbox.habit, habitView(m.habit))] : []),
    section(
      T.mailbox.cloud,
      table(
        T.mailbox.cloud,
        [
          { key: 'source' },
          { key: 'first', as: (t) => time(t) },
          { key: 'last', as: (t) => time(t) },
          { key: 'number', number: true },
          { key: 'basic', number: true },
          { key: 'oauth', number: true },
          { key: 'tls' },
          { key: 'clients', as: (clients) => sentence(clients.map((one) => one.client).join(', ') || '–') },
        ],
        m.cloud,
        T.mailbox.cloudNone,
      ),
    ),
  ];
}
