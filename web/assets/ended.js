// Blocks that ended: when, how and by whom, with what was seen of them then.
import { T } from './text.js';
import { ask, askPart } from './api.js';
import { badge, count, el, facts, link, name, sentence, time } from './dom.js';
import { notesView, pagedRows, subjectOf, userOf } from './parts.js';

const END_KINDS = { expired: 'off', lifted: 'good', merged: 'warn', gone: 'warn' };

const ENDED_QUERY = { rows: 20 };

function endView(how, row) {
  return el(
    'span',
    {},
    badge(END_KINDS[how] ?? 'off', T.blocks.end[how] ?? how),
    row.by ? [' ', T.blocks.endBy[how] ?? '', ' ', name(row.by)] : null,
    row.why ? [': ', sentence(row.why)] : null,
  );
}
function evidenceView(row) {
  const user = userOf(row.subject);
  return el(
    'details',
    {},
    el('summary', {}, T.blocks.evidence),
    facts([
      [T.blocks.why, row.reason ? sentence(row.reason) : null],
      [T.blocks.until, row.until ? time(row.until) : T.blocks.forever],
      [
        T.blocks.before,
        row.passed_before === null ? null : T.blocks.beforeText(count(row.passed_before), count(row.refused_before)),
      ],
      [T.blocks.refusedMeanwhile, row.refused_since === null ? null : count(row.refused_since)],
      [T.blocks.clients, row.clients ? sentence(row.clients) : null],
      [T.blocks.senders, row.senders ? sentence(row.senders) : null],
      [T.blocks.domains, row.recipient_domains ? sentence(row.recipient_domains) : null],
      [T.blocks.logins, row.logins ? sentence(row.logins) : null],
    ]),
    user === null ? null : el('p', {}, link('/mailbox', { name: user }, T.blocks.mailbox)),
  );
}

const ENDED_COLUMNS = [
  { key: 'ended', as: (t) => time(t) },
  { key: 'subject', as: subjectOf },
  { key: 'how', as: endView },
  { key: 'since', as: (t) => time(t) },
  { key: 'limit', as: (limit) => (limit === 'operator' ? T.blocks.operator : name(limit)) },
  { key: 'reason', title: T.blocks.evidence, as: (_, row) => evidenceView(row) },
];

// Where they are shown, and what asks for them (again).
export function endedBlocks(signal) {
  const place = el('div', {});
  const more = (after) => ask('blocks/ended', { ...ENDED_QUERY, after }, signal);

  return {
    place,
    async load() {
      const first = await askPart('blocks/ended', ENDED_QUERY, signal);
      const notes = notesView(first.notes);
      place.replaceChildren(
        ...(notes ? [notes] : []),
        pagedRows(T.blocks.ended, ENDED_COLUMNS, first, more, T.blocks.endedNone),
      );
    },
  };
}
