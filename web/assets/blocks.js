// Who is blocked, what was seen of them, and whom limits blocked before.
import { T } from './text.js';
import { actButtons, askVerbs, blockActs, blockSubject } from './acts.js';
import { ask, askPart, latest } from './api.js';
import { badge, count, el, facts, link, name, redraw, section, sentence, span, time } from './dom.js';
import { endedBlocks } from './ended.js';
import { onLive } from './live.js';
import { DECISION_COLUMNS, explainLink, notesView, pagedRows, subjectOf, userOf } from './parts.js';
import { seesAll } from './session.js';

const BLOCKS_MS = 15000;
const BLOCKS_MOST = 1000;

function untilView(until) {
  if (!until) return T.blocks.forever;
  const left = Date.parse(until) / 1000 - Date.now() / 1000;
  return el('span', {}, time(until), el('span', { class: 'dim' }, ` (${T.blocks.left(span(left))})`));
}
function keyOfBlock(block) {
  return `${block.since} ${block.subject}`;
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
      [T.blocks.clients, block.clients ? sentence(block.clients) : null],
      [T.blocks.senders, block.senders ? sentence(block.senders) : null],
      [T.blocks.domains, block.recipient_domains ? sentence(block.recipient_domains) : null],
      [T.blocks.logins, block.logins ? sentence(block.logins) : null],
      [
        T.blocks.usual,
        anyOf(block.messages_hour, block.messages_day)
          ? T.blocks.usualText(count(block.messages_hour), count(block.messages_day))
          : null,
      ],
      [
        T.blocks.now,
        anyOf(block.now_hour, block.today) ? T.blocks.nowText(count(block.now_hour), count(block.today)) : null,
      ],
    ]),
    user === null
      ? null
      : el(
          'p',
          { class: 'links' },
          link('/mailbox', { name: user }, T.blocks.mailbox),
          seesAll() ? explainLink(user) : null,
        ),
    acts(blockSubject(block), [...blockActs([block]), ...(user === null ? [] : ['hold'])]),
  );
}

export async function blocksPage(view) {
  const list = el('div', {});
  async function load() {
    const { data: blocks, notes, next: first } = await ask('blocks', {}, view.signal);
    let next = first;
    while (next !== null && blocks.length < BLOCKS_MOST) {
      const more = await ask('blocks', { after: next }, view.signal);
      blocks.push(...more.data);
      ({ next } = more);
    }
    return { blocks, notes: next === null ? notes : [...notes, T.blocks.cut(count(blocks.length))] };
  }
  function set({ blocks, notes }) {
    redraw(
      list,
      ...[notesView(notes)].filter(Boolean),
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
  let standing = [];
  const again = latest(load, async (reply) => {
    const now = new Set(reply.blocks.map(keyOfBlock));
    const hasEnded = standing.some((key) => !now.has(key));
    standing = [...now];
    set(reply);
    if (hasEnded) await ended.load();
  });
  const [blocks, past, verbs] = await Promise.all([
    load(),
    askPart('log', { reason: 'limit-block', rows: 20 }, view.signal),
    askVerbs(view.signal),
    ended.load(),
  ]);
  const acts = (subject, keys) =>
    actButtons(verbs, subject, keys, () => again().catch((problem) => view.fail(problem)), view.signal);

  set(blocks);
  standing = blocks.blocks.map(keyOfBlock);
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
