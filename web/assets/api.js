// What the server is asked. All goes wrong in one way: a Problem that says what it is.
import { T } from './text.js';
import { whole } from './dom.js';
import { chosenTenant } from './tenant.js';

const TIMEOUT_MS = 30000;

export class Problem extends Error {
  // kind: a name of T.error; text: what the server said, if it did.
  constructor(kind, text, retryS) {
    super(`${kind}: ${text}`);
    this.kind = kind;
    this.text = text;
    this.retryS = retryS;
  }
}

const KINDS = {
  400: 'wrong',
  401: 'sign-in',
  403: 'forbidden',
  404: 'missing',
  414: 'wrong',
  429: 'busy',
  431: 'wrong',
  // of a web server before it, which does not reach it, or gave up
  502: 'offline',
  504: 'slow',
  503: 'busy',
};

export async function problemOf(response) {
  // A page for people, as web servers have them, says no more than the status.
  const type = response.headers.get('Content-Type') ?? '';
  let text = response.status === 502 ? T.error.offlineText : T.error.status(response.status);
  try {
    const body = await response.text();
    if (type.startsWith('application/json')) text = JSON.parse(body).error ?? text;
    else if (type.startsWith('text/plain') && body.trim() !== '') text = body.trim();
  } catch {
    // the status has to do
  }
  return new Problem(KINDS[response.status] ?? 'broken', text, Number(response.headers.get('Retry-After')) || null);
}

// What can be asked for of one tenant; the rest is the relay's.
const NARROWS =
  /^(actions|blocks(\/ended)?|changes|connectors|explain|log|mode|networks|overview|runs|status|mailboxes(\/.*)?|reports\/.*)$/;

// The path of something of the interface; what is empty is left out of the query. A list is a name several times. The tenant that was
// chosen is asked for, unless the query has one, or null.
export function target(path, query = {}) {
  const q = new URLSearchParams();
  const tenant = chosenTenant();
  if (tenant !== null && !('tenant' in query) && NARROWS.test(path)) q.append('tenant', tenant);
  for (const [key, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null && one !== undefined && one !== '') q.append(key, whole(one));
  return `/api/v1/${path}${q.size > 0 ? `?${q}` : ''}`;
}

// What take(signal) returns, or a Problem.
async function inTime(take, signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await take(signal ? AbortSignal.any([signal, limit]) : limit);
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    if (limit.aborted) throw new Problem('slow', '');
    throw error instanceof SyntaxError
      ? new Problem('broken', error.message)
      : new Problem('offline', T.error.offlineText);
  }
}
async function fetched(address, options) {
  const response = await fetch(address, options);
  if (!response.ok) throw await problemOf(response);
  return response;
}

// { data, next, notes }, or a Problem.
export async function ask(path, query, signal, options = {}) {
  const address = target(path, options.method === 'POST' ? { tenant: null, ...query } : query);
  return inTime(async (until) => (await fetched(address, { ...options, signal: until })).json(), signal);
}
// Can that file be had? Else a Problem: a browser that is given the link says that it failed, and not why.
export async function askFile(address) {
  return inTime(async (signal) => {
    const { ok } = await fetch(address, { method: 'HEAD', signal });
    if (!ok) await (await fetched(address, { signal })).body.cancel(); // what is wrong is only said to GET
  });
}

// The same for a part of a page, which is there without it: in place of rows, what is wrong. A page that can't be had at all is
// left to the page.
export async function askPart(path, query, signal) {
  try {
    return await ask(path, query, signal);
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.kind === 'sign-in' || problem.kind === 'offline') throw problem;
    return { data: [], next: null, notes: [], problem };
  }
}

// Of replies that overtake each other, the one that was asked for last is shown. Returns what asks, and shows it.
export function latest(load, show) {
  let asked = 0;
  let newest = 0;
  return async () => {
    const mine = ++asked;
    const reply = await load();
    if (mine < newest) return;
    newest = mine;
    await show(reply);
  };
}

// The overview has what the bands say, too: on its page one request does for both.
const FRESH_MS = 2000;
let overviewAsked = { at: 0 };
export function askOverview() {
  const tenant = chosenTenant();
  const now = Date.now();
  if (overviewAsked.tenant !== tenant || now - overviewAsked.at > FRESH_MS) {
    const asked = { at: now, tenant, reply: ask('overview') };
    overviewAsked = asked;
    // What went wrong is asked for again, not told again.
    asked.reply.catch(() => (asked.at = 0));
  }
  return overviewAsked.reply;
}
// Somebody else may look now.
export function forgetOverview() {
  overviewAsked = { at: 0 };
}
// { monitor, monitored, config_problem, tenants }
export async function askMode() {
  if (location.pathname !== '/') return (await ask('mode')).data;
  const { data } = await askOverview();
  return { ...data, config_problem: data.status.config_problem, tenants: data.status.tenants };
}
