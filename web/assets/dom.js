// Elements, without markup: all text is set as text.
import { T } from './text.js';
import { chosenTenant } from './tenant.js';

// el('a', { href: '/', class: 'x', onclick: f }, 'text', node, ...): null and undefined children are left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Characters that are not seen, that turn text around, or that are half of one: shown as what they are.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u{e0000}-\u{e0fff}]/gu;
const NAME_MOST = 120;
const NAME_WHOLE = 28;

function escaped(text) {
  return [...text].map((c) => `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`).join('');
}
export function shown(text) {
  return text.replace(UNSEEN, escaped);
}

// A sentence of the server's, with names in it that somebody else wrote.
export function sentence(text) {
  return el('bdi', { class: 'sentence' }, shown(String(text)));
}
// All of a name, however long, for who has to type it again.
export function wholeName(text) {
  return el('bdi', { class: 'name long' }, shown(String(text)));
}
// Text that somebody else wrote: a login, a sender, a client.
export function name(text) {
  if (text === null || text === undefined) return el('span', { class: 'dim' }, '–');
  const all = String(text);
  const short = all.length > NAME_MOST ? all.slice(0, NAME_MOST) : all;
  return el(
    'bdi',
    { class: all.length > NAME_WHOLE ? 'name long' : 'name', title: short === all ? null : shown(all) },
    // Nor are blanks at either end.
    shown(short.replace(/^\s+|\s+$/g, escaped)),
    short === all ? null : el('span', { class: 'dim' }, T.characters(all.length)),
  );
}

// A link to a name's page. encodeURIComponent throws on half characters.
export function whole(text) {
  return String(text).replace(/\p{Cs}/gu, '\ufffd');
}
export function link(path, query, ...children) {
  return el('a', { href: pathTo(path, query) }, ...children);
}
// The tenant that was chosen goes along.
export function pathTo(path, query = {}) {
  const q = new URLSearchParams(
    Object.entries({ ...query, tenant: chosenTenant() })
      .filter(([, v]) => v !== null && v !== undefined && v !== '')
      .map(([k, v]) => [k, whole(v)]),
  ).toString();
  return q ? `${path}?${q}` : path;
}
export function mailboxLink(login) {
  return login === null || login === undefined || login === ''
    ? name(login || null)
    : link('/mailbox', { name: login }, name(login));
}

// ---- times, in the browser's zone, with UTC in the title ----
const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const dayFormat = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: '2-digit', day: '2-digit' });

export function clock(date) {
  return clockFormat.format(date);
}
// Whose times these are.
export function zone() {
  return clockFormat.resolvedOptions().timeZone;
}
// A moment as somebody types it is one of this zone, as those that are shown; the relay is told it in UTC. Durations stay, and what is
// no day, which the relay refuses. past: a time of day that is still to come was yesterday's.
export function typedTime(text, past) {
  const typed = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  const today = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text);
  const now = new Date();
  const numbers = typed
    ? [typed[1], typed[2] - 1, ...typed.slice(3)]
    : today
      ? [now.getFullYear(), now.getMonth(), now.getDate(), ...today.slice(1)]
      : null;
  if (numbers === null) return text;
  const date = new Date(...numbers.map((n) => Number(n ?? 0)));
  if (date.getDate() !== Number(numbers[2])) return text;
  if (today && past && date > now) date.setDate(date.getDate() - 1);
  return date.toISOString().replace('.000Z', 'Z');
}
// An ISO time, or seconds since 1970.
export function time(value, withDay = true) {
  if (value === null || value === undefined || value === '' || value === 0) return el('span', { class: 'dim' }, '–');
  const date = new Date(typeof value === 'number' ? value * 1000 : value);
  if (Number.isNaN(date.getTime())) return name(value);
  const iso = date.toISOString().replace('.000Z', 'Z');
  const today = dayFormat.format(date) === dayFormat.format(new Date());
  return el(
    'time',
    { datetime: iso, title: `${iso.replace('T', ' ').replace('Z', '')} UTC` },
    withDay && !today ? `${dayFormat.format(date)} ${clock(date)}` : clock(date),
  );
}
const UNITS = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];
// "2 h 5 min": the two largest units.
export function span(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [n, unit] of UNITS) {
    if (rest >= n && parts.length < 2) parts.push(`${Math.floor(rest / n)} ${unit}`);
    else if (parts.length > 0) break;
    rest %= n;
  }
  return parts.join(' ') || '0 s';
}
const numberFormat = new Intl.NumberFormat();
export function count(n) {
  return n === null || n === undefined ? '–' : numberFormat.format(n);
}

// ---- states: an icon and a word beside the colour ----
const ICONS = { good: '✓', warn: '!', bad: '✕', off: '?', pass: '✓', defer: '◷', reject: '✕', hold: '‖' };
const COLOURS = { pass: 'good', defer: 'warn', reject: 'bad', hold: 'warn' };

export function badge(kind, word) {
  return el(
    'span',
    { class: `badge ${COLOURS[kind] ?? kind}` },
    el('span', { class: 'icon', 'aria-hidden': 'true' }, ICONS[kind] ?? '•'),
    word,
  );
}
export function verdict(action) {
  return badge(action, T.verdict[action] ?? action);
}
export function heading(text, id) {
  return el('h2', { id }, text);
}
export function section(title, ...children) {
  return el('section', {}, heading(title), ...children);
}
// [['Name', value], ...] as terms; values that are null are left out.
export function facts(pairs) {
  return el(
    'dl',
    { class: 'facts' },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([term, value]) => el('div', {}, el('dt', {}, term), el('dd', {}, value))),
  );
}

// ---- tables ----
// Columns: { key, title, as(value, row), number }. as gives a node or a text; without it, text of others.
export function table(caption, columns, rows, none, options = {}) {
  if (rows.length === 0) return el('p', { class: 'none' }, none);
  const body = el(
    'tbody',
    {},
    rows.map((row) => tableRow(columns, row)),
  );
  return el(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    el(
      'table',
      { class: options.class },
      el('caption', { class: options.captioned ? null : 'unseen' }, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          columns.map((c) =>
            el('th', { scope: 'col', class: c.number ? 'number' : null }, c.title ?? T.column[c.key] ?? c.key),
          ),
        ),
      ),
      body,
    ),
  );
}
function tableRow(columns, row) {
  return el(
    'tr',
    {},
    columns.map((c) => {
      const value = c.as ? c.as(row[c.key], row) : c.number ? count(row[c.key]) : name(row[c.key]);
      return el('td', { class: c.number ? 'number' : null }, value);
    }),
  );
}
// Said to who does not see; only for blocks.
export function say(text) {
  document.getElementById('said').textContent = text;
}

// ---- the keyboard's place ----
// Replaces what is in a place, and leaves the keyboard at the button, link or table where it was, and tables as far scrolled.
export function redraw(place, ...nodes) {
  const at = place.contains(document.activeElement) ? document.activeElement : null;
  const scrolled = new Map([...place.querySelectorAll('.scroll')].map((one) => [placeKey(one), one.scrollLeft]));
  place.replaceChildren(...nodes);
  for (const one of place.querySelectorAll('.scroll')) one.scrollLeft = scrolled.get(placeKey(one)) ?? 0;
  if (at?.isConnected) at.focus({ preventScroll: true });
  else if (at !== null) focusKey(placeKey(at), place);
}
function placeKey(node) {
  return node.dataset.key ?? node.getAttribute('href') ?? node.getAttribute('aria-label');
}
// What is no longer there leaves it at the page. The same may be in several places: that in the one named comes first.
export function focusKey(key, place) {
  const main = document.getElementById('main');
  const same = [place, main]
    .flatMap((one) => [...(one?.querySelectorAll('button, a, .scroll') ?? [])])
    .find((node) => key !== null && placeKey(node) === key);
  (same ?? main).focus({ preventScroll: true });
}
