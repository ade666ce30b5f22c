// Each page in each look: pages.mjs SOCKET FOLDER-FOR-SCREENSHOTS [short]. TAP lines.
import { mkdirSync } from 'node:fs';
import { LOOKS, end, forward, is, launch, shown, violations, watch } from './browser.mjs';

const [, , socket, folder, short] = process.argv;
const PAGES = {
  overview: '/',
  blocks: '/blocks',
  mailboxes: '/mailboxes?q=anna',
  mailbox: '/mailbox?name=scanner%40contoso.example',
  blocked: '/mailbox?name=erp%40contoso.example',
  unknown: '/mailbox?name=nobody%40contoso.example',
  explain: '/explain?user=bert%40contoso.example&client=203.0.113.66',
  reports: '/reports',
  used: '/reports/used',
  'would-refuse': '/reports/would-refuse',
  audit: '/audit',
  system: '/system',
  connector: '/connector?name=printers',
  'overview-tenant': '/?tenant=fabrikam',
  'blocks-tenant': '/blocks?tenant=contoso',
  'system-tenant': '/system?tenant=fabrikam',
};

mkdirSync(folder, { recursive: true });
const { origin, close } = await forward(socket);
const browser = await launch();
for (const look of short ? ['light'] : Object.keys(LOOKS)) {
  for (const [name, path] of Object.entries(PAGES)) {
    const { context, page, wrong, requests } = await watch(browser, origin, look);
    await page.goto(origin + path);
    await shown(page);
    if (name === 'overview') {
      await page.getByText('contoso.example').first().waitFor();
      await page.locator('#live .badge.good').waitFor();
      is(
        `${look}: the first view takes at most six requests beside the stream`,
        requests.filter((url) => !url.endsWith('/events')).length <= 6 ? '' : requests.join(' '),
      );
    }
    is(`${look}: ${name} has no finding of axe`, (await violations(page)).join('\n'));
    is(
      `${look}: ${name} is not wider than the window`,
      await page.evaluate(() =>
        document.documentElement.scrollWidth > innerWidth
          ? `${document.documentElement.scrollWidth} of ${innerWidth}`
          : '',
      ),
    );
    await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
    is(`${look}: ${name} says nothing in the console and asks nobody else`, wrong.join('\n'));
    await context.close();
  }
}
await browser.close();
await close();
end();
