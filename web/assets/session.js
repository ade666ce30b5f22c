// Who looks, and what of the pages is for them.
import { T } from './text.js';
import { ask } from './api.js';
import { el, name } from './dom.js';
import { problemView } from './parts.js';
import { chosenTenant } from './tenant.js';

const RANKS = { viewer: 1, reader: 2, operator: 3, admin: 4 };
let me = null;
// A web server before this has people sign in; a page of ours can't.
let byProxy = false;

// The reply of /api/v1/me or of signing in; null: nobody.
export function setMe(reply) {
  me = reply;
  byProxy ||= reply?.way === 'proxy';
}
export function isSignedIn() {
  return me !== null;
}
// All but counts.
export function mayRead() {
  return me !== null && RANKS[me.role] >= RANKS.reader;
}
// What tells no tenants apart is for those who see all of them.
export function seesAll() {
  return me !== null && me.tenants === null;
}

// Nothing is left out: no tenant was chosen, either.
export function isWhole() {
  return seesAll() && chosenTenant() === null;
}

// Those somebody is bound to; null: all.
export function ownTenants() {
  return me?.tenants ?? null;
}

export function mayDo(role) {
  return me !== null && RANKS[me.role] >= RANKS[role];
}
export function whoAsks() {
  return el('span', {}, name(me?.name), ` (${T.role[me?.role] ?? me?.role})`);
}

// A change, by POST. A session proves that a page of ours asks.
export function change(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (me?.proof) headers['X-Postern-Proof'] = me.proof;
  return ask(path, {}, undefined, { method: 'POST', headers, body: JSON.stringify(body) });
}

// For the bar on top; left: what is done when the session has ended.
export function whoView(left) {
  if (me === null) return [];
  const still = el('span', { role: 'alert' });
  async function signOut(event) {
    event.target.disabled = true;
    still.textContent = '';
    try {
      await change('logout', {});
    } catch (problem) {
      if (problem.kind !== 'sign-in') {
        event.target.disabled = false;
        still.textContent = T.signIn.still + (problem.text || T.error[problem.kind]);
        return;
      }
    }
    left();
  }
  return [
    whoAsks(),
    me.way === 'session' ? el('button', { type: 'button', class: 'plain', onclick: signOut }, T.signIn.out) : null,
    still,
    me.sign_out ? el('a', { href: me.sign_out }, T.signIn.out) : null,
  ];
}

// Shown where a page would have been; done(): somebody is signed in.
export function signInForm(done) {
  if (byProxy) {
    return el(
      'p',
      {},
      T.signIn.ended,
      ' ',
      el('button', { type: 'button', onclick: () => location.reload() }, T.signIn.again),
    );
  }
  const login = el('input', {
    id: 'name',
    name: 'name',
    autocomplete: 'username',
    required: true,
    spellcheck: 'false',
    autocapitalize: 'none',
  });
  const password = el('input', {
    id: 'password',
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
  });
  const button = el('button', {}, T.signIn.go);
  const wrong = el('div', {});

  async function signIn(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.replaceChildren();
    try {
      setMe((await change('login', { name: login.value, password: password.value })).data);
      done();
    } catch (problem) {
      wrong.replaceChildren(
        problem.kind === 'sign-in' ? el('p', { role: 'alert' }, T.signIn.wrong) : problemView(problem),
      );
      password.value = '';
      password.focus();
    } finally {
      button.disabled = false;
    }
  }
  return el(
    'form',
    { class: 'fields narrow', method: 'post', onsubmit: signIn },
    el('div', { class: 'wide' }, el('label', { for: 'name' }, T.signIn.name), login),
    el('div', { class: 'wide' }, el('label', { for: 'password' }, T.signIn.password), password),
    el('div', { class: 'wide' }, button, wrong),
    el('p', { class: 'wide dim' }, T.signIn.first, ' ', el('code', {}, 'postern web-user add NAME --role admin')),
  );
}
