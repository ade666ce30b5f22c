// A browser before postern-web's socket: what each page must never do is watched all the time.
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Browsers know no UNIX sockets: a port of loopback is passed on. Returns the origin and what ends it, with all connections.
export async function forward(path, port = 0) {
  const open = new Set();
  const server = net.createServer((from) => {
    const to = net.connect(path);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ]) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const one of open) one.destroy();
      }),
  };
}

export const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
};

export async function launch(further = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), ...further],
  });
}

// Cookies of who has signed in, once for each: a password takes its time.
const signedIn = new Map();
export async function signIn(browser, origin, name) {
  if (!signedIn.has(name)) {
    const context = await browser.newContext();
    const reply = await context.request.post(`${origin}/api/v1/login`, {
      data: { name, password: 'correct horse battery' },
      timeout: 120000,
    });
    if (!reply.ok()) throw new Error(`${name}: ${reply.status()} ${await reply.text()}`);
    signedIn.set(name, await context.storageState());
    await context.close();
  }
  return signedIn.get(name);
}

// A page, and all that went wrong in it: messages of the console, exceptions, dialogs, requests to elsewhere.
// who: an account of the scene; null: nobody.
export async function watch(browser, origin, look, who = 'admin') {
  const storageState = who === null ? undefined : await signIn(browser, origin, who);
  const context = await browser.newContext({
    ...LOOKS[look],
    storageState,
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const wrong = [];
  const requests = [];
  page.on('console', (message) => wrong.push(`console: ${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => wrong.push(`exception: ${error}`));
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    requests.push(request.url());
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      wrong.push(`foreign request: ${request.url()}`);
  });
  return { context, page, wrong, requests };
}

// Until the page shows what it was made for.
export async function shown(page) {
  await page.waitForFunction(
    () =>
      document.querySelector('main h1') &&
      document.querySelector('main h1 + div')?.childElementCount > 0 &&
      !document.querySelector('main')?.textContent.includes('Loading …'),
    null,
    { timeout: 120000 },
  );
}

export async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }),
  );
  return found.map(
    (v) =>
      `${v.id}: ${v.nodes
        .map((n) => n.target.join(' '))
        .slice(0, 3)
        .join('; ')} (${v.help})`,
  );
}

let failed = false;
export function is(name, got, wanted = '') {
  const ok =
    typeof wanted === 'object' && wanted instanceof RegExp ? wanted.test(String(got)) : String(got) === String(wanted);
  console.log(`${ok ? 'ok' : 'not ok'} ${name}`);
  if (!ok) {
    console.log(`    got ${JSON.stringify(String(got).slice(0, 2000))}, expected ${wanted}`);
    failed = true;
  }
}
export function end() {
  process.exitCode = failed ? 1 : 0;
}
