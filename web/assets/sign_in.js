// For who is not signed in: shown where a page would have been.
import { T } from './text.js';
import { ask } from './api.js';
import { el } from './dom.js';
import { problemView } from './parts.js';

// done: shows the page again.
export function signInForm(done) {
  const name = el('input', { id: 'name', name: 'name', autocomplete: 'username', required: true, spellcheck: 'false', autocapitalize: 'none' });
  const password = el('input', { id: 'password', name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const button = el('button', {}, T.signIn.go);
  const wrong = el('div', {});

  async function signIn(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.replaceChildren();
    try {
      await ask('login', {}, undefined, { method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: name.value, password: password.value }) });
      done();
    } catch (problem) {
      wrong.replaceChildren(problem.kind === 'sign-in' ? el('p', { role: 'alert' }, T.signIn.wrong) : problemView(problem));
      password.value = '';
      password.focus();
    } finally {
      button.disabled = false;
    }
  }
  return el('form', { class: 'fields narrow', method: 'post', onsubmit: signIn },
    el('div', { class: 'wide' }, el('label', { for: 'name' }, T.signIn.name), name),
    el('div', { class: 'wide' }, el('label', { for: 'password' }, T.signIn.password), password),
    el('div', { class: 'wide' }, button, wrong));
}
