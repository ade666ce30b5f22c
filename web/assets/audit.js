// What should be looked at, the worst first.
import { T } from './text.js';
import { ask, askPart } from './api.js';
import { badge, el, facts, name, section, sentence, span, table, time } from './dom.js';
import { notesView, problemView } from './parts.js';

const SEVERITY_KINDS = { critical: 'bad', high: 'bad', medium: 'warn', low: 'warn', info: 'off' };

function acceptedView(finding) {
  if (finding.accepted === null) return null;
  const { by, over, until } = T.audit.accepted;
  return el(
    'span',
    {},
    badge(
      finding.accepted ? 'good' : 'warn',
      finding.accepted ? until(finding.accepted_until) : over(finding.accepted_until),
    ),
    ' ',
    finding.accepted_by ? [by, ' ', sentence(finding.accepted_by)] : null,
    finding.accepted_why ? [': ', sentence(finding.accepted_why)] : null,
  );
}
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
      [T.audit.mark, acceptedView(finding)],
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

// What one check found: those that nobody accepted first, then which rules there are.
function checkView(result, rulesTitle) {
  return [
    result.findings.length === 0
      ? el('p', {}, badge('good', T.state.good), ' ', T.audit.none)
      : el('div', { class: 'cards wide' }, result.findings.map(findingView)),
    el(
      'details',
      {},
      el('summary', {}, rulesTitle),
      table(
        rulesTitle,
        [{ key: 'id', as: (id) => el('code', {}, id) }, { key: 'state', as: ruleState }, { key: 'reason' }],
        result.rules,
        T.none,
      ),
    ),
  ];
}

// The last check of Postfix, which somebody else made, and whether it still holds.
const KEPT_KINDS = { current: 'good', changed: 'warn', old: 'warn', none: 'off' };

function lastCheckView(kept) {
  const age = kept.checked ? (Date.now() - Date.parse(kept.checked)) / 1000 : null;
  return [
    el(
      'p',
      {},
      badge(KEPT_KINDS[kept.state] ?? 'bad', T.audit.kept[kept.state] ?? kept.state),
      age === null
        ? null
        : [' ', T.audit.checked, ' ', time(kept.checked), el('span', { class: 'dim' }, ` (${T.audit.age(span(age))})`)],
      kept.why ? [' ', sentence(kept.why)] : null,
    ),
    kept.result ? checkView(kept.result, T.audit.rulesOfPostfix) : null,
    el('p', { class: 'dim' }, T.audit.again, ' ', el('code', {}, 'systemctl start postern-check-postfix')),
  ].flat();
}

export async function auditPage(view) {
  const [{ data, notes }, postfix] = await Promise.all([
    ask('audit', {}, view.signal),
    askPart('check-postfix', {}, view.signal),
  ]);
  view.put(
    el('p', {}, T.audit.intro),
    ...[notesView(notes)].filter(Boolean),
    ...checkView(data, T.audit.rules),
    section(T.audit.postfix, ...(postfix.problem ? [problemView(postfix.problem)] : lastCheckView(postfix.data))),
  );
}
