// Which page the path names, the bands, and whether what is shown is live.
import { T } from './text.js';
import { Problem, ask, askOverview } from './api.js';
import { badge, clock, el, link, name, time } from './dom.js';
import { onLive, startLive, stopLive } from './live.js';
import { problemView } from './parts.js';
import { overviewPage } from './overview.js';
import { blocksPage } from './blocks.js';
import { mailboxPage, mailboxesPage } from './mailbox.js';
import { explainPage } from './explain.js';
import { reportPage, reportsPage } from './reports.js';
import { auditPage } from './audit.js';
import { systemPage } from './system.js';
import { isSignedIn, mayRead, seesAll, setMe, signInForm, whoView } from './session.js';

// In the order of the navigation; those without a place in it belong under the one named. counts: also for those who see only counts; own:
// also for those who see only some tenants.
const PAGES = [
  { path: '/', title: T.pages.overview, show: overviewPage, counts: true },
  { path: '/blocks', title: T.pages.blocks, show: blocksPage },
  { path: '/mailboxes', title: T.pages.mailboxes, show: mailboxesPage, own: true },
  { path: '/mailbox', title: T.pages.mailbox, show: mailboxPage, own: true, under: '/mailboxes' },
  { path: '/explain', title: T.pages.explain, show: explainPage },
  { path: '/reports', title: T.pages.reports, show: reportsPage, own: true },
  { path: '/reports/', title: T.pages.reports, show: reportPage, own: true, under: '/reports' },
  { path: '/audit', title: T.pages.audit, show: auditPage },
  { path: '/system', title: T.pages.system, show: systemPage },
];
const LOADING_MS = 300;
const BANDS_MS = 60000;

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
  document.getElementById('nav').replaceChildren(
    el(
      'ul',
      {},
      PAGES.filter((one) => !one.under && isFor(one)).map((one) =>
        el('li', {}, el('a', { href: one.path, 'aria-current': one.path === here ? 'page' : null }, one.title)),
      ),
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
      document.title = `${text.slice(0, 80)} – ${T.program}`;
    },
    fail(problem) {
      if (signal.aborted) return;
      if (problem.kind === 'sign-in') {
        signedOut();
      } else {
        body.querySelector(':scope > .problem')?.remove();
        body.append(problemView(problem, show));
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
      const query = new URLSearchParams([...new FormData(event.target)].filter(([, value]) => value !== ''));
      go(`${new URL(event.target.action).pathname}${query.size > 0 ? `?${query}` : ''}`);
    },
  };
  return view;
}

// Nobody is signed in, or not any more: the page waits behind the form.
function signedOut() {
  setMe(null);
  stopLive();
  leave?.abort();
  drawBar();
  document.getElementById('bands').replaceChildren();
  document.title = `${T.error['sign-in']} – ${T.program}`;
  main.replaceChildren(el('h1', {}, T.error['sign-in']), el('div', {}, signInForm(signedIn)));
}
async function signedIn() {
  drawBands();
  await show(); // what is asked for comes first
  if (mayRead() && seesAll()) startLive();
}

async function show() {
  if (location.pathname === '/' && mayRead() && !seesAll()) history.replaceState(null, '', '/mailboxes');
  const url = new URL(location.href);
  const page = pageOf(url.pathname);
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  drawBar(page);
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
function wouldLink() {
  return link('/reports/would-refuse', {}, T.band.would);
}
function bandsOf(data) {
  const bands = [];
  if (data.status.config_problem) bands.push(bandView('bad', T.band.config, name(data.status.config_problem)));
  if (data.monitor) bands.push(bandView('warn', T.band.monitor, ' ', wouldLink()));
  else if (data.monitored.length > 0)
    bands.push(
      bandView(
        'warn',
        T.band.some,
        name(data.monitored.map((one) => `${T.band.kinds[one.kind] ?? one.kind} ${one.name}`).join(', ')),
        '. ',
        wouldLink(),
      ),
    );
  for (const tenant of data.status.tenants)
    if (tenant.learning_until)
      bands.push(bandView('off', name(T.band.learning(tenant.name)), time(tenant.learning_until)));
  return bands;
}
async function drawBands() {
  if (!isFor(PAGES[0])) return;
  try {
    const { data } = await askOverview();
    document.getElementById('bands').replaceChildren(...bandsOf(data));
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

addEventListener('popstate', () => isSignedIn() && show());
document.addEventListener('click', onClick);
onLive(drawLive);
start();
setInterval(() => document.hidden || drawBands(), BANDS_MS);
