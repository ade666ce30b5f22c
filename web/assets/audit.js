// What should be looked at, the worst first.
import { T } from './text.js';
import { ask } from './api.js';
import { badge, el, facts, name, sentence, table } from './dom.js';
import { notesView } from './parts.js';

const SEVERITY_KINDS = { critical: 'bad', high: 'bad', medium: 'warn', low: 'warn', info: 'off' };

function findingView(finding) {
  return el(
    'article',
    { class: 'card' },
    el(
      'h2',
      {},
      badge(SEVERITY_KINDS[finding.severity] ?? 'off', T.audit.severity[finding.severity] ?? finding.severity),
      ' ',
      sentence(finding.title),
    ),
    facts([
      [T.column.where, finding.where && el('code', {}, name(finding.where))],
      [T.audit.found, sentence(finding.evidence)],
      [T.audit.advice, sentence(finding.advice)],
      [T.audit.references, finding.references],
      [T.column.id, el('code', {}, finding.id)],
    ]),
  );
}
function ruleState(state) {
  return state === 'passed'
    ? badge('good', T.audit.passed)
    : state === 'found'
      ? badge('warn', T.state.warn)
      : badge('off', T.audit.skipped);
}

export async function auditPage(view) {
  const { data, notes } = await ask('audit', {}, view.signal);
  view.put(
    el('p', {}, T.audit.intro),
    ...[notesView(notes)].filter(Boolean),
    data.findings.length === 0
      ? el('p', {}, badge('good', T.state.good), ' ', T.audit.none)
      : el('div', { class: 'cards wide' }, data.findings.map(findingView)),
    el(
      'details',
      {},
      el('summary', {}, T.audit.rules),
      table(
        T.audit.rules,
        [{ key: 'id', as: (id) => el('code', {}, id) }, { key: 'state', as: ruleState }, { key: 'reason' }],
        data.rules,
        T.none,
      ),
    ),
    el('p', {}, T.audit.postfix, ' ', el('code', {}, 'postern check-postfix')),
  );
}
