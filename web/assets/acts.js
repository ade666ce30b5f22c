// What can be asked for, and the buttons for it.
import { T } from './text.js';
import { askPart } from './api.js';
import { el } from './dom.js';
import { problemView } from './parts.js';
import { isTold, openQuestion, subjectView } from './question.js';
import { mayDo, ownTenants } from './session.js';

const VERBS_MS = 30000;

let verbsAsked = { at: 0 };

// Those that this one may ask for: Map of verb and what it takes. Where they can't be had it has none, and a problem.
export async function askVerbs(signal) {
  if (!mayDo('operator')) return new Map();
  const tenants = ownTenants(); // of somebody else after a new sign-in
  if (Date.now() - verbsAsked.at > VERBS_MS || verbsAsked.tenants !== tenants) {
    const reply = await askPart('verbs', {}, signal);
    verbsAsked = { at: reply.problem ? 0 : Date.now(), tenants, rows: reply.data };
    if (reply.problem) return Object.assign(new Map(), { problem: reply.problem });
  }
  return new Map(
    verbsAsked.rows.filter((one) => mayDo(one.role) && T.act.verbs[one.verb]).map((one) => [one.verb, one]),
  );
}

// habit: it has one, which "accept" would change.
export function userSubject(login, habit) {
  return { kind: 'user', name: login, habit };
}
// That of a block, "network 198.51.100.0/24".
export function blockSubject(block) {
  const [kind, ...words] = block.subject.split(' ');
  return { kind, name: words.join(' '), habit: block.messages_hour !== null };
}

// About the blocks of a subject: none, or those that stand.
export function blockActs(blocks) {
  if (blocks.length === 0) return ['block'];
  return ['unblock', ...(blocks.every((block) => block.until) ? ['prolong'] : [])];
}

// What can be done about a subject. wanted: names of T.act.verbs, of which those are left out that this one may not ask for.
// changed(): something may have changed. null: there is nothing.
export function actButtons(verbs, subject, wanted, changed, signal) {
  if (verbs.problem) return problemView(verbs.problem);
  const able = wanted.filter((key) => verbs.has(T.act.verbs[key].verb ?? key) && (subject === null || fits(subject)));
  if (able.length === 0) return null;
  return el(
    'p',
    { class: 'acts' },
    able.map((key) => {
      const words = T.act.verbs[key];
      const button = el(
        'button',
        {
          type: 'button',
          class: words.careful ? 'act careful' : 'act',
          'data-key': `${key} ${subject?.kind ?? ''} ${subject?.name ?? ''}`,
          'aria-haspopup': 'dialog',
        },
        `${words.button} …`,
        subject === null ? null : el('span', { class: 'unseen' }, ' ', subjectView(subject)),
      );
      button.addEventListener('click', () =>
        openQuestion({ words, verb: verbs.get(words.verb ?? key), subject, changed, signal, button }),
      );
      return button;
    }),
  );
}
// Who is bound to tenants is refused whatever belongs to none.
function fits({ kind, name: text }) {
  const own = ownTenants() === null || kind === 'user' || kind === 'login';
  return own && isTold(text) && T.act.kinds[kind] !== undefined;
}
