// What happens while somebody looks: stories.mjs DIRECTORY-OF-THE-SCENE DIRECTORY-OF-PROGRAMS. TAP lines.
import net from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { end, forward, is, launch, shown, signIn, violations, watch } from './browser.mjs';

const [, , scene, programs] = process.argv;
let gate = await forward(`${scene}/run/web.sock`);
const { origin } = gate;
const browser = await launch();
const postern = (...args) =>
  execFileSync(`${programs}/postern`, ['-c', `${scene}/postern.conf`, ...args], { stdio: 'pipe' });
const LONG = { timeout: 120000 };

// One submission, as Postfix would ask for it.
function submit(login, client, state = 'RCPT') {
  return new Promise((resolve, reject) => {
    const to = net.connect(`${scene}/run/policyd.sock`);
    to.on('error', reject);
    to.on('data', (reply) => {
      to.end();
      resolve(String(reply));
    });
    to.write(
      `request=smtpd_access_policy\nprotocol_state=${state}\ninstance=s.${Math.random()}\nsasl_method=PLAIN\nsasl_username=${login}\nsender=${login}\n` +
        `recipient=guest@adatum.example\nrecipient_count=1\nclient_address=${client}\n\n`,
    );
  });
}

// ---- live ----
{
  const { context, page, wrong, requests } = await watch(browser, origin, 'light');
  await page.goto(`${origin}/`);
  await page.locator('#live .badge.good').waitFor(LONG);
  await submit('emil@contoso.example', '203.0.113.77');
  await page.locator('section', { hasText: 'Newest decisions' }).getByText('203.0.113.77').first().waitFor(LONG);
  is('a decision is seen without asking again', '');
  postern('block', 'dora@contoso.example', '--for', '1h', '--reason', 'a story');
  await page.locator('section', { hasText: 'Blocked now' }).getByText('dora@contoso.example').waitFor(LONG);
  is('a block is seen, and said', await page.locator('#said').textContent(), 'Blocked now: 3');
  await page.getByRole('link', { name: 'Blocks', exact: true }).click();
  await page.locator('article', { hasText: 'dora@contoso.example' }).getByText('a story').waitFor(LONG);
  is('its page has the reason', '');
  postern('unblock', 'dora@contoso.example');
  await page.locator('article', { hasText: 'dora@contoso.example' }).waitFor({ state: 'detached', ...LONG });
  is('lifted, it goes from the page', '');

  const second = await context.newPage();
  const streams = () => requests.filter((url) => url.endsWith('/events')).length;
  second.on('request', (request) => requests.push(request.url()));
  await second.goto(`${origin}/blocks`);
  await second.locator('#live .badge.good').waitFor(LONG);
  is('a second window looks on by the stream of the first', streams(), 1);
  await page.close();
  await second.waitForFunction(() => document.querySelector('#live')?.textContent.includes('live'));
  postern('block', 'dora@contoso.example', '--for', '1h');
  await second.locator('article', { hasText: 'dora@contoso.example' }).waitFor(LONG);
  is('and reads on by itself when that is closed', streams(), 2);
  postern('unblock', 'dora@contoso.example');
  is('all that without a message in the console', wrong.join('\n'));
  await context.close();
}

// ---- errors ----
{
  const { context, page } = await watch(browser, origin, 'light');
  await page.goto(`${origin}/blocks`);
  await page.locator('#live .badge.good').waitFor(LONG);
  await gate.close();
  await page.getByText(/not live since \d/).waitFor(LONG);
  is('a stream that breaks says since when', '');
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByText('postern-web cannot be reached').waitFor(LONG);
  is('what cannot be reached is said', await page.getByText('Loading').count(), 0);
  gate = await forward(`${scene}/run/web.sock`, new URL(origin).port);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('article').first().waitFor(LONG);
  is('and tried again, it is there', await page.getByRole('button', { name: 'Try again' }).count(), 0);
  await page.locator('#live .badge.good').waitFor(LONG);
  is('live again, too', '');

  for (const [status, text] of [
    [403, 'This is not for your role'],
    [503, 'postern-web cannot say this now'],
    [500, 'replied what this page does not understand'],
    [502, 'postern-web cannot be reached'],
    [504, 'postern-web did not reply in time'],
  ]) {
    await page.route('**/api/v1/audit', (route) =>
      route.fulfill({ status, contentType: 'application/json', body: '{"error": "so says the server"}' }),
    );
    await page.goto(`${origin}/audit`);
    await page.getByText(text).waitFor(LONG);
    is(`${status} is shown as what it is`, await page.getByText('so says the server').count(), 1);
    await page.unroute('**/api/v1/audit');
  }
  await page.route('**/api/v1/audit', (route) =>
    route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>502 Bad Gateway</h1>' }),
  );
  await page.goto(`${origin}/audit`);
  await page.getByText('systemctl status postern-web').waitFor(LONG);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.evaluate((text) => {
    document.querySelector('.problem .badge').lastChild.textContent = text;
  }, 'postern-web replied what this page does not understand');
  is(
    'what is wrong is not wider than a small window',
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    true,
  );
  is("a web server's own page is not shown", await page.getByText('Bad Gateway').count(), 0);
  await page.unroute('**/api/v1/audit');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('article').first().waitFor(LONG);
  await page.route('**/api/v1/logout', (route) =>
    route.fulfill({ status: 503, contentType: 'application/json', body: '{"error": "so says the server"}' }),
  );
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are still signed in: so says the server').waitFor(LONG);
  is('who is not signed out is told', await page.locator('article').count(), /[1-9]/);
  await page.unroute('**/api/v1/logout');
  await page.goto(`${origin}/`);
  await shown(page);
  await page.route('**/api/v1/overview', (route) => route.abort());
  await page.locator('main h1 + div > .problem:first-child').waitFor(LONG);
  is('what the overview cannot be asked again for is said on top, once', await page.locator('.problem').count(), 1);
  await page.unroute('**/api/v1/overview');
  await page.locator('.problem').waitFor({ state: 'detached', ...LONG });
  is('and goes when it can', await page.getByText('Newest decisions').count(), /[1-9]/);
  await context.close();
}
{
  const { context, page } = await watch(browser, origin, 'light');
  await page.route(/\/api\/v1\/(log|networks)\b/, (route) =>
    route.fulfill({ status: 503, contentType: 'application/json', body: '{"error": "the journal is away"}' }),
  );
  for (const [path, there] of [
    ['/', 'Blocked now'],
    ['/blocks', 'password in a leak'],
    ['/mailbox?name=anna%40contoso.example', 'What is mirrored'],
  ]) {
    await page.goto(origin + path);
    await page.getByText('the journal is away').waitFor(LONG);
    is(`without the journal the rest is there: ${path}`, (await page.getByText(there).count()) > 0, true);
  }
  await context.close();
}

// ---- who may what ----
{
  const { context, page } = await watch(browser, origin, 'dark', null);
  await page.goto(`${origin}/audit`);
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill('correct horse');
  is('who is not signed in gets a form', (await violations(page)).join('\n'));
  await page.keyboard.press('Enter');
  await page.getByText('The name or the password is wrong.').waitFor(LONG);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.locator('article').first().waitFor(LONG);
  is('and, signed in, the page', await page.locator('h1').textContent(), 'Audit');
  await page.locator('#live .badge.good').waitFor(LONG);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor(LONG);
  is('signed out, nothing of it is left', await page.locator('article, #nav a, #live .badge').count(), 0);
  await page.reload();
  await page.getByLabel('Password').waitFor(LONG);
  is('nor after a reload', await page.locator('article').count(), 0);
  await page.getByLabel('Name').fill('operator');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.locator('#live .badge.good').waitFor(LONG);
  postern('web-user', 'remove', 'operator');
  await page.getByLabel('Password').waitFor(LONG);
  is('whose account is gone sees nothing any more, without a click', await page.locator('article, #nav a').count(), 0);
  await context.close();
}
for (const [who, start, links] of [
  ['viewer', 'Overview', 'Overview'],
  ['bound', 'Overview', 'Overview Blocks Mailboxes Reports System'],
  ['reader', 'Overview', 'Overview Blocks Mailboxes Explain Reports Audit System'],
]) {
  const { context, page, wrong } = await watch(browser, origin, 'light', who);
  await page.goto(`${origin}/`);
  await shown(page);
  is(`${who} begins at ${start}`, await page.locator('h1').textContent(), start);
  is(`${who} has links to what is for them`, (await page.locator('#nav a').allTextContents()).join(' '), links);
  is(`${who}: no finding of axe`, (await violations(page)).join('\n'));
  is(`${who} is refused nothing that the page asks for`, wrong.join('\n'));
  if (who !== 'reader') {
    await page.goto(`${origin}/audit`);
    await page.getByText('This is not for your role').waitFor(LONG);
    is(`${who} is told what is not for them, without asking`, wrong.join('\n'));
  }
  if (who === 'bound') {
    await page.goto(`${origin}/mailbox?name=anna%40fabrikam.example`);
    await page.getByText('What is mirrored').waitFor(LONG);
    is('bound sees a mailbox of the own tenant', wrong.join('\n'));
    await page.goto(`${origin}/mailbox?name=anna%40contoso.example`);
    await page.getByText('Nothing is known of this').waitFor(LONG);
    is('and none of another', await page.locator('section').count(), 0);
  }
  await context.close();
}

// ---- who is blocked, whatever way it comes ----
{
  const { context, page } = await watch(browser, origin, 'light', 'viewer');
  await page.goto(`${origin}/`);
  const counted = await page.getByText(/^Blocked now: \d+$/).textContent();
  const before = Number(counted.match(/\d+/)[0]);
  postern('block', 'dora@contoso.example', '--for', '1h');
  await page.getByText(`Blocked now: ${before + 1}`, { exact: true }).waitFor(LONG);
  is('who has no stream sees the count change', '');
  postern('unblock', 'dora@contoso.example');
  await page.route('**/api/v1/overview', async (route) => {
    const reply = await (await route.fetch()).json();
    delete reply.data.status.blocks;
    delete reply.data.status.counters;
    reply.data.status.state = 'closed';
    await route.fulfill({ json: reply });
  });
  await page.goto(`${origin}/`);
  await page.getByText('Who is blocked is not known.').waitFor(LONG);
  is(
    'what cannot be read is not taken for nobody',
    await page.getByText('Counters and blocks: no permission to read them').count(),
    1,
  );
  await page.unroute('**/api/v1/overview');
  await page.route('**/api/v1/overview', async (route) => {
    const reply = await (await route.fetch()).json();
    reply.data.status.tenants.find((one) => one.name === 'fabrikam').stale = 'defer';
    await route.fulfill({ json: reply });
  });
  await page.goto(`${origin}/`);
  await page.locator('li', { hasText: 'fabrikam: settings older than max_age' }).waitFor(LONG);
  is(
    'settings that are too old are not good',
    await page.locator('li', { hasText: 'fabrikam: settings older than max_age' }).locator('.badge.bad').count(),
    1,
  );
  await context.close();
}
{
  const { context, page } = await watch(browser, origin, 'light', 'reader');
  const blocked = page.locator('section', { hasText: 'Blocked now' }).getByText('cleo@contoso.example');
  await page.goto(`${origin}/`);
  await blocked.waitFor(LONG);
  await page.getByRole('link', { name: 'System', exact: true }).click();
  await page.getByText('Runs of the mirror').first().waitFor(LONG);
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await blocked.waitFor(LONG);
  is('who comes back to the overview sees who is blocked', '');
  await page.route('**/events', (route) => route.fulfill({ status: 503, body: '{}' }));
  await page.goto(`${origin}/`);
  await blocked.waitFor(LONG);
  is('and who is served no stream', await page.locator('#live .badge.warn').count(), 1);
  await page.unroute('**/events');
  await page.goto(`${origin}/`);
  await page.locator('#live .badge.good').waitFor(LONG);
  const newest = page.locator('section', { hasText: 'Newest decisions' });
  const link = newest.getByRole('link').first();
  const href = await link.getAttribute('href');
  await link.focus();
  await submit('emil@contoso.example', '203.0.113.80');
  await newest.getByText('203.0.113.80').first().waitFor(LONG);
  is(
    'what is drawn again leaves the keyboard where it was',
    await page.evaluate(() => document.activeElement.getAttribute('href')),
    href,
  );
  await context.close();
}
{
  const { context, page } = await watch(browser, origin, 'light', 'bound');
  postern('block', 'bert@fabrikam.example', '--for', '1h');
  await page.goto(`${origin}/blocks`);
  await page.locator('article', { hasText: 'bert@fabrikam.example' }).waitFor(LONG);
  is('nobody is led to a page that is not for him', await page.getByRole('link', { name: 'Explain' }).count(), 0);
  postern('unblock', 'bert@fabrikam.example');
  await context.close();
}

// ---- replies that overtake each other, names that can't be typed ----
{
  const { context, page } = await watch(browser, origin, 'light', 'admin');
  let release;
  const late = new Promise((resolve) => (release = resolve));
  await page.route(/\/api\/v1\/log\?.*verdict=pass/, async (route) => {
    await late;
    await route.continue();
  });
  await page.goto(`${origin}/mailbox?name=erp%40contoso.example`);
  const decisions = page.locator('section', { has: page.getByLabel('Show', { exact: true }) });
  await page.getByLabel('Show', { exact: true }).selectOption('pass');
  await page.getByLabel('Show', { exact: true }).selectOption('reject');
  await decisions.locator('a[href*="verdict=reject"]').first().waitFor(LONG);
  const overtaken = page.waitForResponse(/verdict=pass/, LONG);
  release();
  await (await overtaken).finished();
  await page.waitForTimeout(500);
  is('of two filters the one that is chosen is shown', await decisions.locator('td .badge.good').count(), 0);

  await page.route('**/api/v1/actions', (route) =>
    route.fulfill({ status: 503, contentType: 'application/json', body: '{"error": "so says the server"}' }),
  );
  await page.goto(`${origin}/mailbox?name=${encodeURIComponent('a\u202eb@contoso.example')}`);
  await page.locator('button', { hasText: /^Delete its queue/ }).click();
  await page.getByLabel('Reason').fill('x');
  await page.getByLabel('The same name, typed again').fill('a\\u202eb@contoso.example');
  const asked = page.waitForRequest('**/api/v1/actions', LONG);
  await page.keyboard.press('Enter');
  is(
    'a name with what is not seen is typed again as it is shown',
    JSON.parse((await asked).postData()).confirm,
    'a\u202eb@contoso.example',
  );
  await context.close();
}

// ---- rows that come meanwhile ----
{
  const { context, page } = await watch(browser, origin, 'light', 'admin');
  let first = null;
  await page.route(/\/api\/v1\/log\?/, async (route) => {
    if (route.request().url().includes('after=')) {
      const one = { ...first.at(-1), client: '203.0.113.250' };
      await route.fulfill({ json: { data: [...first.slice(-3), one], next: null, notes: [] } });
      return;
    }
    const reply = await (await route.fetch()).json();
    first = reply.data;
    await route.fulfill({ json: { ...reply, next: '25' } });
  });
  await page.goto(`${origin}/mailbox?name=scanner%40contoso.example`);
  const rows = page.locator('section', { has: page.getByLabel('Show', { exact: true }) }).locator('tbody tr');
  await rows.first().waitFor(LONG);
  await page.getByRole('button', { name: 'More rows' }).first().click();
  await rows.getByText('203.0.113.250').waitFor(LONG);
  is('are not taken for others', await rows.count(), first.length + 1);
  await context.close();
}

// ---- names and lists are shown whole, or as what they are ----
{
  const { context, page } = await watch(browser, origin, 'light', 'admin');
  await page.route('**/api/v1/blocks', async (route) => {
    const reply = await (await route.fetch()).json();
    reply.data[0].clients = Array.from({ length: 5 }, (_, i) => `2001:db8:1234:5678:9abc:def0:1234:${i + 1000}`).join(
      ', ',
    );
    await route.fulfill({ json: reply });
  });
  await page.goto(`${origin}/blocks`);
  await page.getByText('2001:db8:1234:5678:9abc:def0:1234:1004').waitFor(LONG);
  is('evidence is shown whole', await page.getByText(/… \(\d+ characters\)/).count(), 0);
  await page.goto(`${origin}/mailbox?name=${encodeURIComponent('a\u202eb ')}`);
  await page.getByText('Nothing is known of this').waitFor(LONG);
  is('a title has no characters that turn it around', await page.title(), /^a\\u202eb/);
  is('a blank at the end is seen', await page.locator('h1').textContent(), 'a\\u202eb\\u0020');
  await context.close();
}

// ---- one tenant ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'reader');
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url())));
  await page.goto(`${origin}/`);
  await page.getByLabel('Tenant').selectOption('fabrikam');
  await page.locator('#scope', { hasText: 'Only this tenant is shown: fabrikam' }).waitFor(LONG);
  await page.locator('main').getByText('anna@fabrikam.example').first().waitFor(LONG);
  is('the choice is in the address', new URL(page.url()).search, '?tenant=fabrikam');
  for (const [linked, text] of [
    ['Blocks', 'Nobody is blocked now'],
    ['Mailboxes', 'Find a mailbox'],
    ['Reports', 'would-refuse'],
    ['System', 'Runs of the mirror'],
    ['Overview', 'anna@fabrikam.example'],
  ]) {
    asked.length = 0;
    await page.locator('#nav').getByRole('link', { name: linked, exact: true }).click();
    await page.locator('main').getByText(text).first().waitFor(LONG);
    await shown(page);
    is(`it survives on the way to ${linked}`, new URL(page.url()).searchParams.get('tenant'), 'fabrikam');
    is(
      `all that has rows is asked of it for ${linked}`,
      asked
        .filter((url) => /\/api\/v1\/(overview|blocks|connectors|log|changes|runs|networks)$/.test(url.pathname))
        .filter((url) => url.searchParams.get('tenant') !== 'fabrikam')
        .join(' '),
    );
    is(
      `and nothing of others is on ${linked}`,
      (await page.locator('main').textContent()).includes('contoso.example'),
      false,
    );
  }
  await page.getByLabel('Tenant').selectOption('contoso');
  await page.locator('main').getByText('scanner@contoso.example').first().waitFor(LONG);
  await page.locator('section', { hasText: 'Blocked now' }).getByText('cleo@contoso.example').waitFor(LONG);
  is('another one can be chosen', (await page.locator('main').textContent()).includes('fabrikam.example'), false);
  await submit('emil@fabrikam.example', '198.51.100.78');
  await submit('dora@contoso.example', '203.0.113.78');
  await page.locator('section', { hasText: 'Newest decisions' }).getByText('dora@contoso.example').waitFor(LONG);
  is('what happens there is seen, and nothing else', await page.getByText('emil@fabrikam.example').count(), 0);
  await page.reload();
  await page.locator('#scope', { hasText: 'Only this tenant is shown: contoso' }).waitFor(LONG);
  is('a reload leaves it', await page.getByLabel('Tenant').inputValue(), 'contoso');
  await page.goto(`${origin}/mailboxes?q=anna&tenant=contoso`);
  await page.getByRole('link', { name: 'anna@contoso.example' }).first().click();
  await page.getByText('What is mirrored').waitFor(LONG);
  is('links of the page have it', new URL(page.url()).searchParams.get('tenant'), 'contoso');
  await page.goto(`${origin}/audit?tenant=contoso`);
  await page.locator('#scope', { hasText: 'whichever tenant is chosen' }).waitFor(LONG);
  is('what tells no tenants apart says so', await page.getByRole('link', { name: 'Show all tenants' }).count(), 1);
  await page.getByRole('link', { name: 'Show all tenants' }).click();
  await page.locator('#scope .band').waitFor({ state: 'detached', ...LONG });
  is('and all can be had again', new URL(page.url()).search, '');
  is('without a message', wrong.join('\n'));
  await context.close();
}
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'bound');
  await page.goto(`${origin}/`);
  await page.locator('main').getByText('anna@fabrikam.example').first().waitFor(LONG);
  await page.getByText('Nothing is refused by: tenant fabrikam').waitFor(LONG);
  is('who is bound sees what is only watched of the own tenant', await page.locator('#choice select').count(), 0);
  await submit('dora@fabrikam.example', '198.51.100.79');
  await page.locator('section', { hasText: 'Newest decisions' }).getByText('dora@fabrikam.example').waitFor(LONG);
  is('and what happens there', (await page.locator('main').textContent()).includes('contoso.example'), false);
  await page.goto(`${origin}/system`);
  await page.getByText('Runs of the mirror').first().waitFor(LONG);
  is('and its runs, but nothing of the relay', await page.getByText('Configuration, in plain words').count(), 0);
  is('without a message', wrong.join('\n'));
  await page.goto(`${origin}/blocks?tenant=contoso`);
  await page.getByText('tenant: you see none of that name').waitFor(LONG);
  await page.getByRole('link', { name: 'Show all tenants' }).click();
  await page.getByText('Nobody is blocked now').waitFor(LONG);
  is('an address of another tenant leads to nothing, and a link away from it', new URL(page.url()).search, '');
  await context.close();
}

// ---- learning ----
{
  const file = `${scene}/postern.conf`;
  writeFileSync(file, readFileSync(file, 'utf8').replace('preset = "none"', 'preset = "standard"'));
  postern('reload');
  for (const who of ['admin', 'bound', 'viewer']) {
    const { context, page, wrong } = await watch(browser, origin, 'light', who);
    const band = page.locator('.band', { hasText: 'fabrikam: habits are still being learnt until' });
    // The band is asked for on each page, and again while one is seen.
    for (let tries = 0; tries < 60 && (await band.count()) === 0; tries++) {
      await submit('anna@fabrikam.example', '198.51.100.8', 'END-OF-MESSAGE');
      await page.goto(`${origin}/`);
      await shown(page);
      await page.waitForTimeout(1000);
    }
    is(`${who} is told that habits are still being learnt`, await band.locator('time').count(), 1);
    if (who === 'admin') {
      for (const path of ['/blocks', '/mailboxes', '/explain', '/reports', '/audit', '/system?tenant=fabrikam']) {
        await page.goto(origin + path);
        await band.waitFor(LONG);
        is(`and what is only watched, on ${path}`, await page.getByText('Nothing is refused by: ').count(), 1);
      }
    }
    is(
      `${who} is led to what would be refused where that may be seen`,
      await page.getByRole('link', { name: 'What would be refused' }).count(),
      who === 'viewer' ? 0 : 1,
    );
    is(`${who}: without a message`, wrong.join('\n'));
    await context.close();
  }
}

// ---- for everybody ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light');
  await page.goto(`${origin}/`);
  await shown(page);
  await page.keyboard.press('Tab');
  is(
    'the first stop of the keyboard skips to the content',
    await page.evaluate(() => document.activeElement.textContent),
    'Skip to the content',
  );
  is(
    'and it is seen',
    await page.evaluate(
      () =>
        document.activeElement.getBoundingClientRect().top >= 0 &&
        getComputedStyle(document.activeElement).outlineStyle !== 'none',
    ),
    true,
  );
  await page.keyboard.press('Enter');
  is('it leads there', await page.evaluate(() => document.activeElement.id), 'main');
  await page.getByRole('link', { name: 'Explain', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Login').fill('bert@contoso.example');
  await page.getByLabel('Client address').fill('203.0.113.66');
  await page.keyboard.press('Enter');
  await page.getByText('mailbox-disabled', { exact: true }).waitFor(LONG);
  is(
    'the address of the page holds the question',
    new URL(page.url()).search,
    '?user=bert%40contoso.example&client=203.0.113.66',
  );
  await page.reload();
  await page.getByText('mailbox-disabled', { exact: true }).waitFor(LONG);
  await page.getByLabel('At another time').fill('2026-07-01 14:00');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.waitForURL(/&at=/, LONG);
  is('a time is one of the browser’s zone', new URL(page.url()).searchParams.get('at'), '2026-07-01T12:00:00Z');
  is('which the page names', await page.getByText('Europe/Berlin').count(), 1);
  await page.getByText('mailbox-disabled', { exact: true }).waitFor(LONG);
  await page.goBack();
  await shown(page);
  await page.goBack();
  await shown(page);
  is('and back leads back', await page.evaluate(() => location.pathname + location.search), '/explain');
  await page.goto(`${origin}/mailboxes?q=anna`);
  await page.getByRole('link', { name: 'anna@fabrikam.example' }).waitFor(LONG);
  await page.getByLabel('Tenant').selectOption('contoso');
  await page.getByRole('link', { name: 'anna@fabrikam.example' }).waitFor({ state: 'detached', ...LONG });
  await page.getByRole('link', { name: 'anna@contoso.example' }).waitFor(LONG);
  is('a search can be of one tenant', await page.getByRole('link', { name: 'anna@contoso.example' }).count(), 1);
  await page.goto(`${origin}/reports/used`);
  await shown(page);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download CSV' }).click(),
  ]);
  is('a report is a file with a name of ours', download.suggestedFilename(), 'postern-used.csv');
  is('and nothing is wrong', wrong.join('\n'));
  await page.goto(`${origin}/reports/unused`);
  await shown(page);
  await page.getByRole('link', { name: 'PowerShell script', exact: true }).click();
  await page.getByText('the script would disable mailboxes that are used').waitFor(LONG);
  is('a script that is refused says why', await page.locator('.problem').count(), 1);
  is('which the console says, too', wrong.splice(0).join('\n'), /status of 503/);
  await page.goto(`${origin}/reports/used`);
  await shown(page);
  is(
    'times have UTC in the title',
    await page.locator('td time').first().getAttribute('title'),
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/,
  );
  is('and no message all the while', wrong.join('\n'));
  await context.close();
}
{
  const context = await browser.newContext({
    storageState: await signIn(browser, origin, 'admin'),
    viewport: { width: 640, height: 450 },
    deviceScaleFactor: 2,
  });
  const page = await context.newPage();
  for (const path of ['/', '/blocks', '/mailbox?name=erp%40contoso.example', '/explain', '/reports/used', '/system']) {
    await page.goto(origin + path);
    await shown(page);
    is(
      `at 200 % it fits: ${path}`,
      await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      true,
    );
  }
  await context.close();
}
{
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  is(
    'without a script it says so',
    (await page.locator('main').textContent()).includes('your browser runs none'),
    true,
  );
  await context.close();
}
await browser.close();
await gate.close();
end();
