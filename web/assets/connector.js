// All that is known of one connector: what its clients may, why, what they did.
import { T } from './text.js';
import { ask, askPart } from './api.js';
import { badge, el, facts, name, section, table, time } from './dom.js';
import { habitView, timeline, truth } from './mailbox.js';
import { decisionView, limitsView, notesView, subjectOf } from './parts.js';

const CONNECTOR_BLOCK_COLUMNS = [
  { key: 'subject', as: subjectOf },
  { key: 'since', as: (t) => time(t) },
  { key: 'until', as: (t) => time(t) },
  { key: 'limit' },
  { key: 'reason' },
];

export async function connectorPage(view) {
  const wanted = view.query.get('name') ?? '';
  view.title(name(wanted), wanted);
  const [{ data, notes }, log] = await Promise.all([
    ask('connectors', {}, view.signal),
    wanted === '' ? { data: [], next: null } : askPart('log', { user: wanted, rows: 25 }, view.signal),
  ]);
  const connector = data.find((one) => one.name === wanted);
  if (!connector) {
    view.put(el('p', {}, badge('off', T.unknown), ' ', T.mailbox.connectorUnknown));
    return;
  }
  view.put(
    ...[notesView(notes)].filter(Boolean),
    ...(connector.blocks.length === 0
      ? []
      : [section(T.mailbox.blocks, table(T.mailbox.blocks, CONNECTOR_BLOCK_COLUMNS, connector.blocks, T.none))]),
    el(
      'div',
      { class: 'columns' },
      section(T.mailbox.verdict, decisionView(connector.verdict)),
      section(
        T.mailbox.connector,
        facts([
          [T.column.tenant, connector.tenant],
          [T.column.networks, name(connector.networks.join(', ') + (connector.more_networks ? ' …' : ''))],
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
    timeline(view, wanted, log),
  );
}
