// The first view of the overview, of a browser that was never here but is signed in: first_view.mjs SOCKET. How many requests, how many
// bytes of them, and how long from the address to what is on the page, beside a page that has nothing, in turns. The stream of events
// begins when that is there, and is not counted.
import { forward, launch, signIn, LOOKS } from './browser.mjs';

const ROUNDS = 15;
const gate = await forward(process.argv[2]);
const browser = await launch();
const storageState = await signIn(browser, gate.origin, 'admin');

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// Until there are so many elements of that kind.
async function view(path, kind, count) {
  const context = await browser.newContext({ ...LOOKS.light, storageState });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const urls = new Map();
  const bytes = { pages: 0, data: 0 };
  await session.send('Network.enable');
  await session.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' }); // processor time
  await session.send('Performance.enable');
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    const { pathname } = new URL(request.url, gate.origin);
    if (pathname !== '/events' && !request.url.startsWith('data:')) urls.set(requestId, pathname);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    bytes[urls.get(requestId)?.startsWith('/api/') ? 'data' : 'pages'] += encodedDataLength;
  });
  await page.addInitScript(
    ([kind, count]) => {
      const wait = () => {
        if (document.querySelectorAll(kind).length >= count) globalThis.seenAt = performance.now();
        else requestAnimationFrame(wait);
      };
      requestAnimationFrame(wait);
    },
    [kind, count],
  );
  await page.goto(gate.origin + path, { waitUntil: 'commit' });
  await page.waitForFunction(() => globalThis.seenAt !== undefined, null, { timeout: 120000 });
  const took = await page.evaluate(() => globalThis.seenAt);
  const { metrics } = await session.send('Performance.getMetrics');
  const busy = metrics.find((one) => one.name === 'TaskDuration').value * 1000;
  await page.waitForTimeout(200); // what comes after it
  await context.close();
  return { requests: urls.size, ...bytes, took, busy };
}

const views = [];
const empty = [];
for (let i = 0; i < ROUNDS; i++) {
  views.push(await view('/', 'main section', 4));
  empty.push(await view('/healthz', 'body', 1));
}
const took = views.map((one) => one.took);
const kib = (what) => (median(views.map((one) => one[what])) / 1024).toFixed(1);
console.log(
  `first view: ${median(views.map((one) => one.requests))} requests; ${kib('pages')} KiB of page, script and style, ${kib('data')} KiB of data; ` +
    `${median(took).toFixed(0)} ms (least ${Math.min(...took).toFixed(0)}), of which the page computes ${median(views.map((one) => one.busy)).toFixed(0)} ms; ` +
    `a page with nothing ${median(empty.map((one) => one.took)).toFixed(0)} ms; medians of ${ROUNDS}`,
);
await browser.close();
await gate.close();
