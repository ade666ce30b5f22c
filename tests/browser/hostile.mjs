// The nastiest logins through every page: hostile.mjs SOCKET FILE-OF-LOGINS [short]. Nothing runs, nothing breaks. TAP lines.
import { readFileSync } from 'node:fs';
import { end, forward, is, launch, shown, watch } from './browser.mjs';

const [, , socket, file, short] = process.argv;
const logins = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter((_, i) => !short || i % 16 === 0);
const { origin, close } = await forward(socket);
const browser = await launch();
const { page, wrong } = await watch(browser, origin, 'light');

// What the server refuses to be asked is no fault, and the page says it.
const REFUSED =
  /^console: Failed to load resource: the server responded with a status of (400|404|414|431) .*\/api\/v1\//;
const faults = () =>
  wrong
    .splice(0)
    .filter((text) => !REFUSED.test(text))
    .join('\n');
// Elements and attributes that no page of ours has.
const planted = () =>
  page.evaluate(() =>
    [
      ...document.querySelectorAll(
        'body script, body img, body svg, body iframe, body style, base, body template, body math, body object',
      ),
    ]
      .map((node) => node.outerHTML)
      .concat(
        [...document.querySelectorAll('body *')]
          .flatMap((node) => [...node.attributes])
          .filter((a) => /^on|^style$|^srcdoc$/.test(a.name) && !a.ownerElement.closest('.uplot'))
          .map((a) => `${a.name}=${a.value}`),
      )
      .concat([...document.querySelectorAll('a')].filter((a) => !/^https?:$/.test(a.protocol)).map((a) => a.href))
      .join('\n'),
  );
async function go(path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await shown(page);
}
// What a button asks before it asks the relay, with the name in it.
let questions = 0;
async function question() {
  const button = page.locator('button', { hasText: /^Deny|^Block/ }).first();
  if ((await button.count()) === 0) return '';
  await button.click();
  questions++;
  const found = await planted();
  await page.keyboard.press('Escape');
  return found;
}
const encoded = (text) =>
  encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text.replace(/\p{Cs}/gu, '\ufffd'));

await page.goto(`${origin}/`);
await shown(page);
for (const path of ['/?tenant=', '/mailbox?name=', '/mailboxes?q=', '/connector?name=', '/explain?user=', '/explain?line=', '/reports/']) {
  const bad = [];
  for (const login of logins) {
    if (path === '/reports/' && /^\.{0,2}$/.test(login)) continue;
    await go(path + encoded(login));
    const found = (await planted()) + (path.startsWith('/mailbox?') ? await question() : '');
    if (found !== '') bad.push(`${JSON.stringify(login)}: ${found}`);
  }
  is(`nothing of a name becomes part of the page: ${path}`, bad.join('\n'));
  is(`and nothing runs or breaks: ${path}`, faults());
}

is('questions were asked about those whose page there is', questions > 0, true);

const REPORTS = ['refused', 'used', 'habits', 'would-refuse', 'basic', 'new-networks'];
for (const path of ['/', '/blocks', '/system', '/audit', ...REPORTS.map((name) => `/reports/${name}`)]) {
  await go(path);
  for (let pages = 0; !short && pages < 20; pages++) {
    const more = page.getByRole('button', { name: 'More rows' });
    if ((await more.count()) === 0) break;
    await more.first().click();
    await page.waitForFunction(() => !document.querySelector('button:disabled'));
  }
  is(`with all of them in its rows it holds: ${path}`, [await planted(), faults()].join(''));
  if (path === '/reports/refused' && !short)
    is(
      'markup is shown as text',
      (await page.getByText('<img src=x onerror=alert(1)>', { exact: true }).count()) > 0,
      true,
    );
  if (path === '/reports/refused' && !short)
    is('what turns text around is shown as what it is', (await page.getByText('\\u202e').count()) > 0, true);
}
// As a name and a reason, sent as far as they can be: nobody does what is asked for here.
{
  const bad = [];
  await go('/blocks');
  for (const login of logins.filter((_, i) => i % 3 === 0)) {
    await page.getByRole('button', { name: 'Block …', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Whom').fill(login);
    await dialog.getByLabel('Reason').fill(login);
    await page.keyboard.press('Enter');
    if (await dialog.evaluate((node) => node.querySelector('form').checkValidity()))
      await dialog.locator('.outcome .badge').first().waitFor();
    const found = await planted();
    if (found !== '') bad.push(`${JSON.stringify(login)}: ${found}`);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
  is('asked for as a name and a reason, it stays a text', bad.join('\n'));
  is('and nothing runs or breaks', faults());
}
await browser.close();
await close();
end();
