// All that is known of one connector: what its clients may, why, what they did.
import { T } from './text.js';
import { actButtons, askVerbs, blockActs } from './acts.js';
import { ask, askPart, latest } from './api.js';
import { badge, el, facts, name, redraw, section, sentence } from './dom.js';
import { blocksPart, habitView, timeline, truth } from './mailbox.js';
import { decisionView, limitsView, notesView } from './parts.js';

export async function connectorPage(view) {
  const wanted = view.query.get('name') ?? '';
  view.title(name(wanted), wanted);
  const load = () => ask('connectors', {}, view.signal);
  const [first, log, verbs] = await Promise.all([
    load(),
    wanted === '' ? { data: [], next: null } : askPart('log', { user: wanted, rows: 25 }, view.signal),
    askVerbs(view.signal),
  ]);
  const all = el('div', {});
  const past = timeline(view, wanted, log);
  const set = (reply) => redraw(all, ...partsOfConnector(reply, wanted, past, verbs, again, view.signal));
  const look = latest(load, set);
  const again = () => look().catch((problem) => view.fail(problem));
  set(first);
  view.put(all);
}

function partsOfConnector({ data, notes }, wanted, past, verbs, again, signal) {
  const connector = data.find((one) => one.name === wanted);
  if (!connector) return [el('p', {}, badge('off', T.unknown), ' ', T.mailbox.connectorUnknown)];
  const acts = actButtons(
    verbs,
    { kind: 'connector', name: wanted, habit: connector.habit !== null },
    blockActs(connector.blocks),
    again,
    signal,
  );
  return [
    ...[notesView(notes)].filter(Boolean),
    ...blocksPart(connector.blocks),
    ...(acts ? [section(T.act.heading, acts)] : []),
    el(
      'div',
      { class: 'columns' },
      section(T.mailbox.verdict, decisionView(connector.verdict)),
      section(
        T.mailbox.connector,
        facts([
          [T.column.tenant, connector.tenant],
          [T.column.networks, sentence(connector.networks.join(', ') + (connector.more_networks ? ' …' : ''))],
          [T.column.certificates, connector.certificates || null],
          [T.column.monitor, truth(connector.monitor)],
        ]),
      ),
    ),
    section(
      T.mailbox.limits,
      limitsView(connector.verdict.limits, T.mailbox.limits) ?? el('p', { class: 'none' }, T.none),
    ),
    ...(connector.habit ? [section(T.mailbox.habit, habitView(connector.habit))] : []),
    past,
  ];
}
