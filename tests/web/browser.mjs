// The pages behind a web server, and over a forwarded port, in Chromium: browser.mjs SITE LOCAL FOLDER. SITE: of the web server, which
// signs in whom FOLDER/person names; LOCAL: of the port. TAP lines.
import { writeFileSync } from 'node:fs';
import { end, is, launch } from '../browser/browser.mjs';

const [, , site, local, folder] = process.argv;
const LONG = { timeout: 120000 };
const browser = await launch([`--host-resolver-rules=MAP ${new URL(site).hostname} 127.0.0.1`]);

async function open(what) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  await page.goto(what);
  return { context, page, wrong };
}

{
  writeFileSync(`${folder}/person`, 'anna');
  const { context, page, wrong } = await open(`${site}/explain?user=sean%40contoso.example&client=192.0.2.1`);
  await page.locator('#who').getByText('anna@contoso.example').waitFor(LONG);
  is(
    'who signs in by the web server is where they wanted to be',
    new URL(page.url()).search,
    '?user=sean%40contoso.example&client=192.0.2.1',
  );
  await page.locator('#live .badge.good').waitFor(LONG);
  is('looks on', '');
  const status = await page.evaluate(async () => {
    const { data } = await (await fetch('/api/v1/me')).json();
    const reply = await fetch('/api/v1/actions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Postern-Proof': data.proof },
      body: JSON.stringify({ verb: 'block', subject: 'sean@contoso.example', for: '1h', reason: 'a test' }),
    });
    return reply.status;
  });
  is('and may ask for a change', status, 202);
  is('all that without a message in the console', wrong.join('\n'));
  const cookies = await context.cookies();
  await context.clearCookies();
  await page.getByRole('link', { name: 'Blocks', exact: true }).click();
  await page.getByText('Your sign-in has ended.').waitFor(LONG);
  is('whose sign-in has ended is told, and gets no form for a password', await page.locator('input').count(), 0);
  await context.addCookies(cookies);
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await page.locator('#live .badge.good').waitFor(LONG);
  is('and signs in again where it was', new URL(page.url()).pathname, '/blocks');
  writeFileSync(`${folder}/person`, 'bert');
  await page.getByRole('link', { name: 'Sign out' }).click();
  await page.getByText('in no group that may come here').waitFor(LONG);
  is('who signs out is out; the next, of no group, reads why there is nothing', await page.locator('#nav a').count(), 0);
  await context.close();
}
{
  const { context, page } = await open(local);
  await page.getByLabel('Name').fill('dora');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.locator('#live .badge.good').waitFor(LONG);
  await page.reload();
  await page.locator('#live .badge.good').waitFor(LONG);
  const [cookie, ...others] = await context.cookies();
  is(
    'over a forwarded port a session outlives a reload',
    `${cookie.name} ${cookie.secure} ${cookie.httpOnly} ${cookie.sameSite} ${others.length}`,
    `postern-${new URL(local).port} false true Strict 0`,
  );
  await context.close();
}
await browser.close();
end();
