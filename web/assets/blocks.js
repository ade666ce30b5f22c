// Who is blocked, what was seen of them, and whom limits blocked before.
import { T } from './text.js';
import { actButtons, askVerbs, blockActs, blockSubject } from './acts.js';
import { ask, askPart } from './api.js';
import { badge, count, el, facts, link, name, redraw, section, sentence, span, time } from './dom.js';
import { endedBlocks } from './ended.js';
import { onLive } from './live.js';
import { DECISION_COLUMNS, explainLink, notesView, pagedRows, subjectOf, userOf } from './parts.js';

const BLOCKS_MS = 15000;

function untilView(until) {
  if (!until) return T.blocks.forever;
  const left = Date.parse(until) / 1000 - Date.now() / 1000;
  return el('span', {}, time(until), el('span', { class: 'dim' }, ` (${T.blocks.left(span(left))})`));
}
function anyOf(a, b) {
  return a !== null && a !== undefined ? true : b !== null && b !== undefined;
}
function blockView(block, acts) {
  const user = userOf(block.subject);
  return el(
    'article',
    { class: 'card' },
    el('h3', {}, badge('bad', T.blocks.word), ' ', subjectOf(block.subject)),
    facts([
      [T.blocks.until, untilView(block.until)],
      [T.blocks.since, time(block.since)],
      [T.blocks.limit, block.limit === 'operator' ? T.blocks.operator : name(block.limit)],
      [T.blocks.why, block.reason ? sentence(block.reason) : null],
      [T.blocks.before, T.blocks.beforeText(count(block.passed_before), count(block.refused_before))],
      [T.blocks.refused, count(block.refused_since)],
      [T.blocks.clients, block.clients ? name(block.clients) : null],
      [T.blocks.senders, block.senders ? name(block.senders) : null],
      [T.blocks.domains, block.recipient_domains ? name(block.recipient_domains) : null],
      [T.blocks.logins, block.logins ? name(block.logins) : null],
      [
        T.blocks.usual,
        anyOf(block.messages_hour, block.messages_day)
          ? T.blocks.usualText(block.messages_hour, block.messages_day)
          : null,
      ],
      [T.blocks.now, anyOf(block.now_hour, block.today) ? T.blocks.nowText(block.now_hour, block.today) : null],
    ]),
    user === null
      ? null
      : el('p', { class: 'links' }, link('/mailbox', { name: user }, T.blocks.mailbox), explainLink(user)),
    acts(blockSubject(block), [...blockActs([block]), ...(user === null ? [] : ['hold'])]),
  );
}

export async function blocksPage(view) {
  const list = el('div', {});
  const load = (after) => ask('blocks', { after }, view.signal);

  async function set(reply) {
    const blocks = [...reply.data];
    for (let { next } = reply; next !== null && blocks.length < 1000;) {
      const more = await load(next);
      blocks.push(...more.data);
      ({ next } = more);
    }
    const notes = notesView(reply.notes);
    redraw(
      list,
      ...(notes ? [notes] : []),
      blocks.length === 0
        ? el('p', { class: 'none' }, badge('good', T.state.good), ' ', T.blocks.none)
        : el(
            'div',
            { class: 'cards' },
            blocks.map((block) => blockView(block, verbs.problem ? () => null : acts)),
          ),
    );
  }
  const ended = endedBlocks(view.signal);
  let standing = 0;
  const again = async () => {
    const reply = await load();
    await set(reply);
    if (reply.data.length < standing) await ended.load();
    standing = reply.data.length;
  };
  const [blocks, past, verbs] = await Promise.all([
    load(),
    askPart('log', { reason: 'limit-block', rows: 20 }, view.signal),
    askVerbs(view.signal),
    ended.load(),
  ]);
  const acts = (subject, keys) =>
    actButtons(verbs, subject, keys, () => again().catch((problem) => view.fail(problem)), view.signal);

  await set(blocks);
  standing = blocks.data.length;
  view.put(
    section(T.overview.blocked, acts(null, ['block']), list),
    section(T.blocks.ended, ended.place),
    section(
      T.blocks.past,
      pagedRows(
        T.blocks.past,
        DECISION_COLUMNS,
        past,
        (after) => ask('log', { reason: 'limit-block', rows: 20, after }, view.signal),
        T.blocks.pastNone,
      ),
    ),
  );
  onLive((kind, what) => {
    if (kind === 'event' && what.blocks) again().catch(() => {});
  }, view.signal);
  view.each(BLOCKS_MS, again);
}
