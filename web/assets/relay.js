// Of the relay itself: its limits, the relays it counts with, how full what it keeps is.
import { T } from './text.js';
import { badge, count, el, facts, name, sentence, span, table, time } from './dom.js';
import { notesView, problemView } from './parts.js';

const LIMIT_COLUMNS = [
  { key: 'limit' },
  { key: 'except', as: (who) => (who === null ? '' : name(who)) },
  { key: 'allows', as: sentence },
  { key: 'each', as: (text) => (text === null ? '' : sentence(text)) },
  { key: 'over', as: (text) => (text === null ? '' : sentence(text)) },
];
export function limitsTable(limits) {
  return table(T.system.limits, LIMIT_COLUMNS, limits, T.system.limitsNone);
}

function nodeState(state, node) {
  if (node.silent) return badge('bad', T.system.silent(span(node.silent)));
  if (state === null) return badge('off', T.system.unheard);
  return badge(state === 'shares' ? 'good' : 'bad', state);
}
const NODE_COLUMNS = [
  { key: 'relay' },
  { key: 'state', as: nodeState },
  { key: 'differs', as: (differs) => (differs === null ? '' : badge('warn', differs)) },
  { key: 'waiting', number: true },
  { key: 'lost', number: true },
  { key: 'round_trip_us', number: true, as: (us) => (us > 0 ? `${(us / 1000).toFixed(1)} ms` : '–') },
  { key: 'generation', number: true },
  { key: 'version' },
  { key: 'since', as: (t) => time(t) },
  { key: 'allowed', number: true },
  { key: 'denied', number: true },
];
// reply: of /api/v1/cluster. Its notes say when there is none, when the news is old, and who is silent.
export function nodesView(reply) {
  if (reply.problem) return [problemView(reply.problem)];
  const notes = reply.data.length > 0 ? [notesView(reply.notes)] : reply.notes.map((note) => el('p', {}, sentence(note)));
  return [
    ...notes.filter((node) => node !== null),
    ...(reply.data.length === 0 && reply.notes.length > 0
      ? []
      : [table(T.system.nodes, NODE_COLUMNS, reply.data, T.system.nodesNone)]),
  ];
}

function fullness(n, of) {
  if (n === undefined || n === null || !of) return null;
  const text = T.system.full(count(n), count(of));
  return el(
    'span',
    { class: 'level' },
    el('meter', { min: 0, max: of, value: Math.min(n, of), high: of * 0.8, optimum: 0, 'aria-label': text }),
    ' ',
    text,
  );
}
export function keptView(status) {
  const { counters = {}, habits = {}, notices } = status;
  const plain = [
    ['crowded', counters.crowded],
    ['displaced', counters.displaced],
    ['learning', habits.learning],
    ['waiting', notices?.waiting],
    ['given_up', notices?.given_up],
    ['dropped', status.journal_dropped],
  ].map(([key, value]) => [T.system.kept[key], value === undefined || value === null ? null : count(value)]);
  return facts([
    [T.system.kept.counters, fullness(counters.live, counters.entries)],
    [T.system.kept.habits, fullness(habits.known, habits.places)],
    [T.system.kept.blocks, fullness(status.blocks, status.blocks_places)],
    ...plain,
    [T.system.kept.version, name(status.version)],
  ]);
}
