// What people do on the pages: acts.mjs FOLDER-OF-WEB FOLDER-OF-THE-RELAY SMTP-PORT PROGRAMS FOLDER-FOR-SCREENSHOTS [short]. TAP lines.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { LOOKS, end, forward, is, launch, shown, violations, watch } from './browser.mjs';

const [, , web, relay, port, programs, folder, short] = process.argv;
const run = promisify(execFile);
const LONG = { timeout: 120000 };
const ANNA = 'anna@contoso.example';
const CLEO = 'cleo@contoso.example';

mkdirSync(folder, { recursive: true });
const { origin, close } = await forward(`${web}/web.sock`);
const browser = await launch();

const postern = (...args) => run(`${programs}/postern`, ['-c', `${relay}/postern.conf`, ...args]);
const arrived = () => readdirSync(`${relay}/sink`).length;
const log = () => {
  try {
    return readFileSync(`${web}/log/actions.log`, 'utf8').trim().split('\n').map(JSON.parse);
  } catch {
    return [];
  }
};
const stopped = (on) => (on ? writeFileSync(`${web}/stopped`, '') : rmSync(`${web}/stopped`));
function configure(from, to) {
  const file = `${relay}/postern.conf`;
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}
async function becomes(f, wanted) {
  const until = Date.now() + LONG.timeout;
  let got;
  while ((got = await f()) !== wanted && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  return got;
}

// A real submission: the last reply that decided.
async function submit(login, recipients = 1) {
  const to = Array.from({ length: recipients }, (_, i) => `guest${i}@adatum.example`).join(',');
  const words = `--server 127.0.0.1:${port} --tls --auth PLAIN --auth-user ${login} --auth-password secret --from ${login} --to ${to} --body x`;
  const { stdout } = await run('swaks', [...words.split(' '), '--header', `From: ${login}`]).catch((error) => error);
  const replies = stdout.split('\n').filter((line) => /^<(\*\*|~\*|~) +(250 2\.0\.0 Ok: queued|[45]\d\d)/.test(line));
  return (replies.pop() ?? '').replace(/^<\S+ +/, '');
}
// Submissions until the limit blocks the login; when it did.
async function attack(login) {
  for (let n = 0; n < 20; n++) {
    const reply = await submit(login, 5);
    if (!reply.startsWith('250')) return Date.now();
  }
  throw new Error(`nothing blocks ${login}`);
}

const card = (page, login) => page.locator('article', { hasText: login });
const act = (page, name) => page.locator('button', { hasText: new RegExp(`^${name}`) });
const dialog = (page) => page.getByRole('dialog');
async function fits(page, what) {
  is(`${what} has no finding of axe`, (await violations(page)).join('\n'));
  is(
    `${what} is not wider than the window`,
    await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('dialog')].every(
        (node) => node.scrollWidth <= Math.min(innerWidth, node.clientWidth),
      ),
    ),
    true,
  );
}

// ---- an attack, and an operator ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'operator');
  is('mail passes', await submit(ANNA), /^250/);
  await page.goto(`${origin}/`);
  await page.locator('#live .badge.good').waitFor(LONG);
  const seen = page
    .locator('section', { hasText: 'Blocked now' })
    .getByText(ANNA)
    .waitFor(LONG)
    .then(() => Date.now());
  const blocked = await attack(ANNA);
  console.log(`# the overview showed the block ${Math.max(0, (await seen) - blocked)} ms after the first refusal`);
  is('an attack is blocked, and the overview shows it by itself', await submit(ANNA), /^[45]\d\d/);
  await page.getByRole('link', { name: 'All blocks, with the evidence' }).click();
  await card(page, ANNA).getByText('recipient-rate').waitFor(LONG);
  is('its evidence says how much passed before', await card(page, ANNA).textContent(), /Before the block\d+ passed, /);
  is('and from where', await card(page, ANNA).textContent(), /Clients127\.0\.0\.1/);
  await page.screenshot({ path: `${folder}/block-operator-light.png`, fullPage: true });

  const button = card(page, ANNA).getByRole('button', { name: 'Unblock' });
  await button.focus();
  await page.keyboard.press('Enter');
  await dialog(page).waitFor(LONG);
  is('what will happen is said', await dialog(page).textContent(), /Unblock user anna@contoso\.example.*passes again/);
  is('the keyboard is at the reason', await page.evaluate(() => document.activeElement.name), 'reason');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached', ...LONG });
  is('Escape leads back to the button', await button.evaluate((node) => node === document.activeElement), true);
  is('and nothing was asked for', log().length, 0);

  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  is('without a reason nothing is asked for', `${await dialog(page).count()} ${log().length}`, '1 0');
  await page.keyboard.type('the owner ran a <b>newsletter</b>, and is told');
  await page.keyboard.press('Enter');
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  is(
    'what was done is said, and how it stood',
    await dialog(page).locator('.outcome').textContent(),
    /done.*unblocked: user anna@contoso\.example.*blocked by recipient-rate until .*not blocked/,
  );
  is('the keyboard is at the way out', await page.evaluate(() => document.activeElement.textContent), 'Close');
  await page.screenshot({ path: `${folder}/unblocked-light.png` });
  await page.keyboard.press('Enter');
  await card(page, ANNA).waitFor({ state: 'detached', ...LONG });
  is('the block goes from the page', await page.evaluate(() => document.activeElement !== document.body), true);
  const before = arrived();
  is('mail passes again', await submit(ANNA), /^250/);
  is('and is delivered', await becomes(() => arrived() > before, true), true);
  await page.getByRole('link', { name: 'System' }).click();
  const row = page.locator('section', { hasText: 'Log of actions' }).getByRole('row').nth(1);
  await row.waitFor(LONG);
  is(
    'the log of actions has who, what, why and the result',
    await row.textContent(),
    /operator \(operator\).*unblock user anna@contoso\.example.*the owner ran a <b>newsletter<\/b>, and is told.*done.*unblocked/,
  );
  await row.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${folder}/action-log-light.png` });
  is('all that without a message in the console', wrong.join('\n'));
  await context.close();
}

// ---- the same, and a reader ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'reader');
  await page.goto(`${origin}/`);
  await page.locator('#live .badge.good').waitFor(LONG);
  const seen = page.locator('section', { hasText: 'Blocked now' }).getByText(CLEO).waitFor(LONG);
  await attack(CLEO);
  await seen;
  await page.getByRole('link', { name: 'All blocks, with the evidence' }).click();
  await card(page, CLEO).getByText('recipient-rate').waitFor(LONG);
  is('a reader has the evidence, and no button', await page.locator('main button:not(:text("More rows"))').count(), 0);
  await card(page, CLEO).getByRole('link', { name: 'All that is known' }).click();
  await page.getByText('What blocks it').first().waitFor(LONG);
  is('nor has the page of the mailbox one', await page.locator('main button').count(), 0);
  is('nothing of that was asked in vain', wrong.join('\n'));
  const asked = await page.evaluate(async (subject) => {
    const { data } = await (await fetch('/api/v1/me')).json();
    const reply = await fetch('/api/v1/actions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Postern-Proof': data.proof },
      body: JSON.stringify({ verb: 'unblock', kind: 'user', subject, reason: 'x' }),
    });
    return `${data.role} ${reply.status}`;
  }, CLEO);
  is('asking by hand is refused', asked, 'reader 403');
  is('and the login stays blocked', await submit(CLEO), /^[45]\d\d/);
  is('nothing of it is in the log', log().filter((line) => line.who === 'reader').length, 0);
  await context.close();
}

// ---- a connector ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'operator');
  await page.goto(`${origin}/connector?name=printers`);
  await act(page, 'Block').click();
  await page.getByLabel('Reason').fill('the copier in the hall');
  await dialog(page).getByRole('button', { name: 'Block' }).click();
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  await page.keyboard.press('Enter');
  await act(page, 'Unblock').waitFor(LONG);
  is('a connector is blocked on its page', (await postern('blocks', '--json')).stdout, /"connector printers"/);
  await act(page, 'Unblock').click();
  await page.getByLabel('Reason').fill('it is switched off');
  await dialog(page).getByRole('button', { name: 'Unblock' }).click();
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  await page.keyboard.press('Enter');
  await act(page, 'Block').waitFor(LONG);
  is('and lifted there', (await postern('blocks', '--json')).stdout, /^(?![^]*connector printers)/);
  is('without a message in the console', wrong.join('\n'));
  await context.close();
}

// ---- what becomes of it ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'operator');
  await page.goto(`${origin}/mailbox?name=${encodeURIComponent(CLEO)}`);
  await act(page, 'Unblock').waitFor(LONG);
  is(
    'there are buttons for what can be done, and no others',
    (await page.locator('main .acts button').allTextContents()).map((text) => text.split(' …')[0]).join(', '),
    'Unblock, Prolong, Hold its queue, Release its queue, Deny',
  );
  stopped(true);
  await act(page, 'Unblock').click();
  await page.getByLabel('Reason').fill('double');
  await dialog(page).getByRole('button', { name: 'Unblock' }).dblclick();
  await dialog(page).getByText('waits to be done').waitFor(LONG);
  is('a double click asks once', readdirSync(`${web}/spool/web`).filter((name) => name.endsWith('.json')).length, 1);
  await dialog(page).getByText('systemctl status postern-act.path').waitFor(LONG);
  is('what is not taken is said, and where to look', await dialog(page).locator('.badge').textContent(), /waits/);
  await page.screenshot({ path: `${folder}/not-taken-light.png` });
  is('it is still blocked', await submit(CLEO), /^[45]\d\d/);
  is('and so says the page', await page.getByText('What blocks it').count(), /[1-9]/);
  stopped(false);
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  is(
    'taken, it is done once',
    log()
      .filter((line) => line.reason === 'double')
      .map((line) => line.state)
      .join(' '),
    'begun done',
  );
  await act(page, 'Close').click();
  await act(page, 'Block').first().waitFor(LONG);
  is('then the page has the other button', await act(page, 'Unblock').count(), 0);

  configure('actions = [', 'actions_an_hour = 2; actions = [');
  await act(page, 'Block').first().click();
  await page.getByLabel('For how long').selectOption('8h');
  await page.getByLabel('Reason').fill('too many');
  await page.keyboard.press('Enter');
  await dialog(page).locator('.outcome .badge.bad').waitFor(LONG);
  is(
    'what the relay refuses is said, with why',
    await dialog(page).locator('.outcome').textContent(),
    /refused.*actions_an_hour/,
  );
  await act(page, 'Close').click();
  configure('"block", "unblock"', '"unblock"');
  await becomes(() => log().some((line) => line.reason === 'too many'), true);
  await act(page, 'Block').first().click();
  await page.getByLabel('Reason').fill('switched off meanwhile');
  await page.keyboard.press('Enter');
  await dialog(page).getByText('is not switched on').waitFor(LONG);
  is('what was switched off meanwhile is refused, with why', await dialog(page).locator('.problem').count(), 1);
  await page.keyboard.press('Escape');
  configure('"unblock"', '"block", "unblock"');
  configure('actions_an_hour = 2; ', '');
  is(
    'the console says no more than that this was refused',
    wrong.filter((text) => !/status of 403 .*\/api\/v1\/actions$/.test(text)).join('\n'),
  );
  await context.close();
}

// ---- the lists ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'operator');
  await page.goto(`${origin}/mailbox?name=${encodeURIComponent(CLEO)}`);
  await act(page, 'Deny').click();
  await page.getByLabel('Reason').fill('has left');
  await page.keyboard.press('Enter');
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  await page.keyboard.press('Escape');
  await page.getByText('deny-file', { exact: true }).first().waitFor(LONG);
  is('who is denied is shown as it', await page.getByText('denied', { exact: true }).count(), 1);
  is('and has no such button any more', await act(page, 'Deny').count(), 0);
  is('the relay refuses it', await becomes(async () => /^[45]\d\d/.test(await submit(CLEO)), true), true);
  await postern('forget', CLEO);
  is('without a message in the console', wrong.join('\n'));
  await context.close();
}

// ---- whom ----
{
  const { context, page, wrong } = await watch(browser, origin, 'light', 'bound');
  await page.goto(`${origin}/mailbox?name=${encodeURIComponent(ANNA)}`);
  await act(page, 'Block').first().click();
  await page.getByLabel('Reason').fill('of the own tenant');
  stopped(true);
  await page.keyboard.press('Enter');
  await dialog(page).getByText('waits to be done').waitFor(LONG);
  await act(page, 'Close').click();
  stopped(false);
  await act(page, 'Unblock').waitFor(LONG);
  is('what was closed before it was done is followed all the same', await dialog(page).count(), 0);
  is('who is bound to a tenant blocks its mailboxes', await submit(ANNA), /^[45]\d\d/);
  await postern('unblock', ANNA);
  is('without a message', wrong.join('\n'));
  await context.close();
}
for (const look of short ? ['narrow'] : Object.keys(LOOKS)) {
  const { context, page, wrong } = await watch(browser, origin, look, 'admin');
  await page.goto(`${origin}/blocks`);
  await shown(page);
  await act(page, 'Block').first().click();
  await page.getByLabel('What it is').selectOption('network');
  await page.getByLabel('Whom').fill('198.51.100.0/24');
  await page.getByLabel('For how long').selectOption('1d');
  await page.getByLabel('Reason').fill('guesses passwords');
  await fits(page, `${look}: the question`);
  await page.screenshot({ path: `${folder}/block-form-${look}.png` });
  await page.keyboard.press('Enter');
  await dialog(page).locator('.outcome .badge.good').waitFor(LONG);
  await fits(page, `${look}: what was done`);
  await act(page, 'Close').click();
  await card(page, '198.51.100.0/24').waitFor(LONG);
  is(`${look}: a network is blocked by a form`, await card(page, '198.51.100.0/24').textContent(), /guesses passwords/);
  await fits(page, `${look}: a block with buttons`);
  await page.screenshot({ path: `${folder}/blocks-buttons-${look}.png`, fullPage: true });

  await page.goto(`${origin}/mailbox?name=${encodeURIComponent(CLEO)}`);
  await act(page, 'Delete its queue').waitFor(LONG);
  await fits(page, `${look}: a mailbox with buttons`);
  await page.screenshot({ path: `${folder}/mailbox-buttons-${look}.png` });
  await act(page, 'Delete its queue').click();
  await page.getByLabel('Reason').fill('spam');
  await page.getByLabel('The same name').fill(ANNA);
  await page.keyboard.press('Enter');
  await dialog(page).getByText('That is another name.').waitFor(LONG);
  is(`${look}: what can't be undone wants the name again`, log().filter((line) => line.verb === 'discard').length, 0);
  await page.screenshot({ path: `${folder}/discard-${look}.png` });
  await fits(page, `${look}: the careful question`);
  await page.keyboard.press('Escape');
  await page.goto(`${origin}/system`);
  await page.locator('section', { hasText: 'Log of actions' }).getByRole('row').nth(1).waitFor(LONG);
  await fits(page, `${look}: the log of actions`);
  await page.screenshot({ path: `${folder}/system-log-${look}.png`, fullPage: true });
  await postern('unblock', '198.51.100.0/24');
  is(`${look}: nothing of that is in the console`, wrong.join('\n'));
  await context.close();
}
await browser.close();
await close();
end();
