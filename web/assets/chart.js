// Decisions of the last hour, a minute a point, with a sentence that says the same.
import uPlot from './uPlot.esm.js';
import { T } from './text.js';
import { clock, count, el } from './dom.js';

const ACTIONS = ['pass', 'defer', 'reject', 'hold'];
const DASHES = { pass: [], defer: [6, 4], reject: [], hold: [2, 3] };
const MINUTES = 60;

function colour(of) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${of}`).trim();
}

// Sums of minutes out of steps: { at: [seconds], pass: [...], ... }
function minutesOf(rates) {
  const steps = 60 / rates.step_s;
  const from = Date.parse(rates.from) / 1000;
  const minutes = { at: [] };
  for (let i = 0; i < MINUTES; i++) minutes.at.push(from + i * 60);
  for (const action of ACTIONS) {
    const all = rates.actions[action];
    minutes[action] = minutes.at.map((_, i) => all.slice(i * steps, (i + 1) * steps).reduce((a, b) => a + b, 0));
  }
  return minutes;
}

function summaryOf(minutes) {
  const sums = Object.fromEntries(ACTIONS.map((a) => [a, minutes[a].reduce((x, y) => x + y, 0)]));
  const totals = minutes.at.map((_, i) => ACTIONS.reduce((n, a) => n + minutes[a][i], 0));
  const most = Math.max(...totals);
  if (most === 0) return T.overview.quiet;
  const when = clock(new Date(minutes.at[totals.indexOf(most)] * 1000)).slice(0, 5);
  return (
    T.overview.summary(Object.fromEntries(ACTIONS.map((a) => [a, count(sums[a])]))) +
    T.overview.busiest(count(most), when)
  );
}

function optionsOf(width) {
  const axis = {
    stroke: colour('ink-dim'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
  };
  const kinds = { pass: 'good', defer: 'warn', reject: 'bad', hold: 'held' };
  return {
    width,
    height: 200,
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (u, min, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      { ...axis, values: (u, at) => at.map((s) => clock(new Date(s * 1000)).slice(0, 5)) },
      { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000] },
    ],
    series: [
      { value: (u, s) => (s === null || s === undefined ? '–' : clock(new Date(s * 1000)).slice(0, 5)) },
      ...ACTIONS.map((a) => ({
        label: T.verdict[a],
        stroke: colour(kinds[a]),
        width: 2,
        dash: DASHES[a],
        points: { show: false },
      })),
    ],
  };
}

// { node, set(rates), add(at, decided) }; drawn again when the width or the colours change, until the signal.
export function hourChart(signal) {
  const summary = el('figcaption', {});
  const place = el('div', { class: 'chart', 'aria-hidden': 'true' });
  const node = el('figure', { 'aria-label': T.overview.chart }, place, summary);
  let rates = null;
  let plot = null;

  function data() {
    const minutes = minutesOf(rates);
    summary.textContent = summaryOf(minutes);
    return [minutes.at, ...ACTIONS.map((a) => minutes[a])];
  }
  function draw() {
    plot?.destroy();
    plot = rates && place.clientWidth > 0 ? new uPlot(optionsOf(place.clientWidth), data(), place) : null;
  }
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', draw, { signal });
  const sizes = new ResizeObserver(() => {
    if (plot && place.clientWidth > 0 && plot.width !== place.clientWidth)
      plot.setSize({ width: place.clientWidth, height: 200 });
    else if (!plot) draw();
  });
  sizes.observe(place);
  signal.addEventListener('abort', () => {
    sizes.disconnect();
    plot?.destroy();
  });

  return {
    node,
    set(next) {
      rates = next;
      if (plot) plot.setData(data());
      else draw();
    },
    // An event: so many of each action at that time. Steps move on with it.
    add(at, decided) {
      if (!rates) return;
      const from = Date.parse(rates.from) / 1000;
      const most = rates.actions.pass.length;
      let step = Math.floor((Date.parse(at) / 1000 - from) / rates.step_s);
      if (step >= most) {
        const gone = Math.min(step - most + 1, most);
        for (const all of Object.values(rates.actions))
          (all.splice(0, gone, ...[]), all.push(...new Array(gone).fill(0)));
        rates.from = new Date((from + (step - most + 1) * rates.step_s) * 1000).toISOString();
        step = most - 1;
      }
      for (const [action, n] of Object.entries(decided))
        if (step >= 0 && rates.actions[action]) rates.actions[action][step] += n;
      if (plot) plot.setData(data());
    },
  };
}
