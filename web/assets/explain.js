// What would become of a message. The question is the address of the page.
import { T } from './text.js';
import { ask } from './api.js';
import { el, facts, name, section } from './dom.js';
import { decisionView, limitsView, notesView } from './parts.js';

const CHOICES = {
  method: ['', 'PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'],
  tls: ['', 'none', '1.0', '1.1', '1.2', '1.3'],
};
const FIELDS = ['user', 'client', 'method', 'tls', 'sender', 'recipient', 'from', 'size', 'at', 'line'];

function fieldView(key, value) {
  const id = `ask-${key}`;
  let input;
  if (CHOICES[key]) {
    input = el(
      'select',
      { id, name: key },
      CHOICES[key].map((choice) =>
        el('option', { value: choice, selected: choice === value }, choice || T.explain.any),
      ),
    );
  } else if (key === 'recipient' || key === 'line') {
    input = el('textarea', { id, name: key, rows: 2, spellcheck: 'false' });
    input.value = value;
  } else {
    input = el('input', {
      id,
      name: key,
      value,
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: T.explain.hints[key],
    });
  }
  return el('div', { class: key === 'line' ? 'wide' : null }, el('label', { for: id }, T.explain.fields[key]), input);
}

function questionOf(query) {
  const line = query.get('line');
  if (line) return { line };
  const question = {};
  for (const key of FIELDS) {
    const values = query
      .getAll(key)
      .flatMap((value) => (key === 'recipient' ? value.split(/\s+/) : [value.trim()]))
      .filter((value) => value !== '');
    if (values.length > 0) question[key] = key === 'recipient' ? values : values[0];
  }
  return question;
}

export async function explainPage(view) {
  const question = questionOf(view.query);
  const form = el(
    'form',
    { class: 'fields', action: '/explain', onsubmit: view.submit },
    FIELDS.map((key) => fieldView(key, [question[key] ?? ''].flat().join('\n'))),
    el('div', { class: 'wide' }, el('button', {}, T.explain.ask)),
  );
  view.put(el('p', {}, T.explain.intro), form);
  if (Object.keys(question).length === 0) return;
  if (!question.line && !question.user && !question.client) {
    view.add(el('p', { role: 'alert' }, T.explain.nothing));
    return;
  }
  const { data, notes } = await ask('explain', question, view.signal);
  view.add(
    section(
      T.explain.result,
      ...[notesView(notes)].filter(Boolean),
      facts([
        [T.column.login, data.user && name(data.user)],
        [T.column.client, data.client && name(data.client)],
        [T.column.sender, data.sender && name(data.sender)],
      ]),
      decisionView(data),
      limitsView(data.limits, T.mailbox.limits),
      el('p', { class: 'dim' }, T.explain.share),
    ),
  );
}
