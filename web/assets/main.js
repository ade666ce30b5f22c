// Which page the path names, the bands, and whether what is shown is live.
import { T } from './text.js';
import { Problem, ask, askMode, forgetOverview } from './api.js';
import { badge, clock, count, el, link, name, pathTo, sentence, shown, time, typedTime, zone } from './dom.js';
import { onLive, startLive, stopLive } from './live.js';
import { problemView } from './parts.js';
import { overviewPage } from './overview.js';
import { blocksPage } from './blocks.js';
import { mailboxPage, mailboxesPage } from './mailbox.js';
import { connectorPage } from './connector.js';
import { explainPage } from './explain.js';
import { reportPage, reportsPage } from './reports.js';
import { auditPage } from './audit.js';
import { systemPage } from './system.js';
import { isSignedIn, mayRead, ownTenants, seesAll, setMe, signInForm, whoView } from './session.js';
import { addressFor, chosenTenant, letChoose } from './tenant.js';

// In the order of the navigation; those without a place in it belong under the one named. counts: also for those who see only counts; own:
// also for those who see only some tenants; whole: it tells of the whole relay, whichever tenant was chosen.
const PAGES = [
  { path: '/', title: T.pages.overview, show: overviewPage, counts: true, own: true },
  { path: '/blocks', title: T.pages.blocks, show: blocksPage, own: true },
  { path: '/mailboxes', title: T.pages.mailboxes, show: mailboxesPage, own: true },
  { path: '/mailbox', title: T.pages.mailbox, show: mailboxPage, own: true, under: '/mailboxes' },
  { path: '/connector', title: T.pages.connector, show: connectorPage, own: true, under: '/mailboxes' },
  { path: '/explain', title: T.pages.explain, show: explainPage },
  { path: '/reports', title: T.pages.reports, show: reportsPage, own: true },
  { path: '/reports/', title: T.pages.reports, show: reportPage, own: true, under: '/reports' },
  { path: '/audit', title: T.pages.audit, show: auditPage, whole: true },
  { path: '/system', title: T.pages.system, show: systemPage, own: true },
];
const LOADING_MS = 300;
const BANDS_MS = 60000;
const LEARNING_MOST = 3;
const MONITORED_MOST = 12;

const main = document.getElementById('main');
let leave = null;

function pageOf(path) {
  return PAGES.find((page) =>
    page.path.length > 1 && page.path.endsWith('/')
      ? path.startsWith(page.path) && path.length > page.path.length
      : path === page.path,
  );
}
function restOf(page, path) {
  try {
    return decodeURIComponent(path.slice(page.path.length));
  } catch {
    return '';
  }
}

function isFor(page) {
  return mayRead() ? seesAll() || page.own === true : isSignedIn() && page.counts === true;
}

function drawBar(page) {
  const here = page?.under ?? page?.path;
  document.getElementById('who').replaceChildren(...whoView(signedOut).filter((node) => node !== null));
  document.querySelector('.brand').href = pathTo('/');
  drawChoice();
  drawScope(page);
  document.getElementById('nav').replaceChildren(
    el(
      'ul',
      {},
      PAGES.filter((one) => !one.under && isFor(one)).map((one) =>
        el('li', {}, el('a', { href: pathTo(one.path), 'aria-current': one.path === here ? 'page' : null }, one.title)),
      ),
    ),
  );
}

// ---- whose rows are shown ----

// The names of the tenants that can be chosen; null: not known yet.
let tenantNames = null;
// So many are a list; of more, the name is typed.
const LISTED_MOST = 100;

function drawChoice() {
  const place = document.getElementById('choice');
  const names = isSignedIn() && mayRead() ? (ownTenants() ?? tenantNames ?? []) : [];
  const chosen = chosenTenant();
  const choose = (event) => go(addressFor(event.target.value.trim() || null));
  const attributes = { id: 'tenant', onchange: choose, autocomplete: 'off' };
  if (names.length < 2) {
    place.replaceChildren();
  } else if (document.activeElement?.id !== 'tenant' || !place.contains(document.activeElement)) {
    place.replaceChildren(
      el('label', { for: 'tenant' }, T.column.tenant),
      names.length > LISTED_MOST
        ? el('input', { ...attributes, value: chosen, size: 12, placeholder: T.tenant.every, spellcheck: 'false' })
        : el(
            'select',
            attributes,
            el('option', { value: '' }, T.tenant.every),
            (chosen === null || names.includes(chosen) ? names : [...names, chosen]).map((one) =>
              el('option', { value: one, selected: one === chosen }, shown(one)),
            ),
          ),
    );
  }
}
// Said on each page.
function drawScope(page) {
  const own = isSignedIn() ? ownTenants() : null;
  const chosen = chosenTenant();
  const shown = chosen ?? own?.join(', ');
  const place = document.getElementById('scope');
  if (!isSignedIn() || !mayRead() || !shown || !page) return place.replaceChildren();
  const all = chosen !== null ? el('a', { href: addressFor(null) }, T.tenant.all) : '';
  place.replaceChildren(
    el(
      'div',
      { class: 'band' },
      badge('one', T.tenant.word),
      page.whole
        ? el('span', {}, T.tenant.whole, ' ', all)
        : el('span', {}, shown.includes(',') ? T.tenant.some : T.tenant.only, ' ', sentence(shown), '. ', all),
    ),
  );
}

// What a page gets: where to put what it shows, what it was asked, and when it is left.
function viewOf(page, url, signal) {
  const title = el('h1', {}, page.title);
  const body = el('div', {});
  main.replaceChildren(title, body);
  document.title = `${page.title} – ${T.program}`;
  const view = {
    query: url.searchParams,
    rest: restOf(page, url.pathname),
    signal,
    put(...nodes) {
      if (!signal.aborted) body.replaceChildren(...nodes);
    },
    add(...nodes) {
      if (!signal.aborted) body.append(...nodes);
    },
    title(node, text) {
      title.replaceChildren(node);
      document.title = `${shown(text).slice(0, 80)} – ${T.program}`;
    },
    fail(problem) {
      if (signal.aborted) return;
      if (problem.kind === 'sign-in') {
        signedOut();
      } else {
        // On top, where it is seen; the same is not said again.
        const node = problemView(problem, show);
        const said = body.querySelector(':scope > .problem');
        if (said?.textContent === node.textContent) return;
        said?.remove();
        body.prepend(node);
      }
    },
    // Does it each so many milliseconds while the page is seen. What is there stays when it can't be had again.
    each(ms, refresh) {
      const timer = setInterval(async () => {
        if (document.hidden) return;
        try {
          await refresh();
          body.querySelector(':scope > .problem')?.remove();
        } catch (problem) {
          view.fail(problem);
        }
      }, ms);
      signal.addEventListener('abort', () => clearInterval(timer));
    },
    // A form asks by the address of its page.
    submit(event) {
      event.preventDefault();
      const query = new URLSearchParams(
        [...new FormData(event.target)]
          .filter(([, value]) => value !== '')
          .map(([key, value]) => [
            key,
            key === 'at' || key === 'since' ? typedTime(value.trim(), key === 'since') : value,
          ]),
      );
      if (chosenTenant() !== null) query.set('tenant', chosenTenant());
      go(`${new URL(event.target.action).pathname}${query.size > 0 ? `?${query}` : ''}`);
    },
  };
  return view;
}

// Nobody is signed in, or not any more: the page waits behind the form.
function signedOut() {
  const wasSignedIn = isSignedIn();
  setMe(null);
  forgetOverview();
  letChoose(false);
  tenantNames = null;
  stopLive();
  leave?.abort();
  drawBar();
  document.getElementById('bands').replaceChildren();
  document.getElementById('scope').replaceChildren();
  document.title = `${T.error['sign-in']} – ${T.program}`;
  const done = () => {
    main.focus({ preventScroll: true }); // the field goes
    signedIn();
  };
  main.replaceChildren(el('h1', {}, T.error['sign-in']), el('div', {}, signInForm(done)));
  if (wasSignedIn) main.focus({ preventScroll: true });
}
async function signedIn() {
  letChoose(mayRead());
  await show(); // what is asked for comes first
  if (mayRead() && seesAll()) startLive();
}

// The address that is shown, without the place in the page.
let shownAt = null;

async function show() {
  const url = new URL(location.href);
  shownAt = url.pathname + url.search;
  const page = pageOf(url.pathname);
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  drawBar(page);
  drawBands();
  if (!page) {
    main.replaceChildren(el('h1', {}, T.pages.missing), el('p', {}, T.missing));
    return;
  }
  const view = viewOf(page, url, signal);
  const loading = el('p', { class: 'dim' }, T.loading);
  const timer = setTimeout(() => view.add(loading), LOADING_MS);
  try {
    if (!isFor(page)) throw new Problem('forbidden', T.forbidden);
    await page.show(view);
  } catch (problem) {
    if (!signal.aborted) view.fail(problem);
  } finally {
    clearTimeout(timer);
    loading.remove();
  }
}

function go(path) {
  history.pushState(null, '', path);
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// Links to pages of ours; downloads and what the browser opens elsewhere are left to it.
function onClick(event) {
  const a = event.target.closest('a');
  if (
    !a ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey ||
    a.hasAttribute('download')
  )
    return;
  const url = new URL(a.href);
  if (url.origin !== location.origin || !pageOf(url.pathname) || a.getAttribute('href').startsWith('#')) return;
  event.preventDefault();
  go(url.pathname + url.search);
}

// ---- bands ----

function bandView(kind, ...children) {
  return el('div', { class: `band ${kind}` }, badge(kind, T.band.word[kind]), el('span', {}, ...children));
}
// For who may have the rows.
function wouldLink() {
  return mayRead() ? link('/reports/would-refuse', {}, T.band.would) : '';
}
function monitoredView(monitored) {
  const named = monitored.slice(0, MONITORED_MOST).map((one) => `${T.band.kinds[one.kind] ?? one.kind} ${one.name}`);
  if (monitored.length > named.length) named.push(T.band.more(count(monitored.length - named.length)));
  return sentence(named.join(', '));
}
function bandsOf(mode) {
  const bands = [];
  if (mode.config_problem) bands.push(bandView('bad', T.band.config, sentence(mode.config_problem)));
  if (mode.monitor) bands.push(bandView('warn', T.band.monitor, ' ', wouldLink()));
  else if (mode.monitored.length > 0)
    bands.push(bandView('warn', T.band.some, monitoredView(mode.monitored), '. ', wouldLink()));
  const learning = mode.tenants.filter((tenant) => tenant.learning_until);
  for (const tenant of learning.slice(0, LEARNING_MOST))
    bands.push(bandView('off', name(tenant.name), T.band.learning, time(tenant.learning_until)));
  if (learning.length > LEARNING_MOST)
    bands.push(bandView('off', T.band.learningMore(count(learning.length - LEARNING_MOST))));
  return bands;
}
// When the tenant changes meanwhile, it is said of the one that is shown.
async function drawBands() {
  if (!isSignedIn()) return;
  const tenant = chosenTenant();
  try {
    const mode = await askMode();
    if (tenant !== chosenTenant() || !isSignedIn()) return;
    document.getElementById('bands').replaceChildren(...bandsOf(mode));
    if (ownTenants() === null && mayRead() && tenantNames === null) {
      const all = tenant === null ? mode : (await ask('mode', { tenant: null })).data;
      tenantNames = all.tenants.map((one) => one.name);
    }
    drawChoice();
  } catch {
    // the page says it
  }
}

function drawLive(kind, what) {
  if (kind !== 'state') return;
  if (what.state === 'ended') {
    if (isSignedIn()) signedOut();
    return;
  }
  const texts = { begins: ['off', T.live.begins], on: ['good', T.live.on], full: ['warn', T.live.full] };
  const [colour, text] = texts[what.state] ?? ['bad', T.live.off(clock(new Date(what.since)))];
  document.getElementById('live').replaceChildren(...(what.state === 'paused' ? [] : [badge(colour, text)]));
}

// Who is it? What can't be known is said, and asked again by whoever looks.
async function start() {
  try {
    setMe((await ask('me')).data);
    signedIn();
  } catch (problem) {
    if (problem.kind === 'sign-in') signedOut();
    else main.replaceChildren(el('h1', {}, T.program), el('div', {}, problemView(problem, start)));
  }
}

addEventListener('popstate', () => isSignedIn() && location.pathname + location.search !== shownAt && show());
document.getElementById('zone').textContent = T.zone(zone());
document.addEventListener('click', onClick);
onLive(drawLive);
start();
setInterval(() => document.hidden || drawBands(), BANDS_MS);
