// What goes on, as it happens. One stream for all windows of a browser, since it has few connections to a server: the window that
// holds the lock reads, and tells the others. A window that is not seen reads nothing.
import { problemOf } from './api.js';

// The server sends something each 15 seconds at least.
const SILENCE_MS = 40000;
const RETRY_MS = 5000;
const RETRY_MOST_MS = 60000;

const listeners = new Set();
const others = new BroadcastChannel('postern-live');
let now = { state: 'paused', since: null };
let reading = null;
let leads = false;

// f('event', data) and f('state', { state, since }); the state at once. Until the signal. States: begins, on, off, full (no more are
// served), paused (nobody looks), ended (the session has).
export function onLive(f, signal) {
  listeners.add(f);
  signal?.addEventListener('abort', () => listeners.delete(f));
  f('state', now);
}

function deliver(kind, what) {
  if (kind === 'state') now = what;
  for (const f of listeners) f(kind, what);
}
function tell(kind, what) {
  deliver(kind, what);
  others.postMessage({ kind, what });
}
function setState(state) {
  if (state !== now.state) tell('state', { state, since: state === 'off' || state === 'full' ? Date.now() : null });
}
others.addEventListener('message', ({ data }) => {
  if (data.kind === 'who') {
    if (leads) others.postMessage({ kind: 'state', what: now });
  } else if (!leads && !document.hidden) {
    deliver(data.kind, data.what);
  }
});

// The events in text, of which the last may not be whole yet: returns the rest.
function takeEvents(text) {
  const parts = text.split('\n\n');
  const rest = parts.pop();
  for (const part of parts) {
    const data = part
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => line.slice(6))
      .join('\n');
    if (data !== '') tell('event', JSON.parse(data));
  }
  return rest;
}

async function readOnce(signal) {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), SILENCE_MS);
  try {
    const response = await fetch('/events', {
      signal: AbortSignal.any([signal, quiet.signal]),
      headers: { Accept: 'text/event-stream' },
    });
    if (!response.ok) throw await problemOf(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    setState('on');
    for (let rest = ''; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENCE_MS);
      rest = takeEvents(rest + value);
    }
  } finally {
    clearTimeout(timer);
  }
}

// So long, or until the signal.
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over);
    function over() {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    }
  });
}

async function readOn(signal) {
  leads = true;
  for (let wait = RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_MOST_MS)) {
    let state = 'off';
    try {
      await readOnce(signal);
      wait = RETRY_MS / 2;
    } catch (problem) {
      if (problem.kind === 'sign-in') state = 'ended';
      if (problem.kind === 'busy') state = 'full';
      if (now.state === 'on') wait = RETRY_MS / 2;
    }
    if (signal.aborted) break;
    setState(state);
    if (state === 'ended') break;
    await pause(wait, signal);
  }
  leads = false;
}

function begin() {
  if (reading !== null) return;
  reading = new AbortController();
  deliver('state', { state: 'begins', since: null });
  const { signal } = reading;
  if (!navigator.locks) {
    // not a secure context: each window for itself
    readOn(signal);
    return;
  }
  navigator.locks.request('postern-live', { signal }, () => readOn(signal)).catch(() => {});
  others.postMessage({ kind: 'who' });
}
function end() {
  reading?.abort();
  reading = null;
  deliver('state', { state: 'paused', since: null });
}

let wanted = false;
export function startLive() {
  wanted = true;
  if (!document.hidden) begin();
}
export function stopLive() {
  wanted = false;
  end();
}
document.addEventListener('visibilitychange', () => {
  if (document.hidden) end();
  else if (wanted) begin();
});
