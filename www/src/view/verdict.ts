/**
 * Why the kernel decided as it did: the road with the stations that objected, the effect, and the score beside the
 * threshold. Refusals, questions and the log show the same figure.
 */

import { h, type Child } from '../dom';
import { DIMENSIONS, type Explanation } from '../kernel';
import { count, list, plain } from '../format';

const STATIONS = ['authority', 'flow', 'effect', 'verdict', 'reserve', 'record', 'perform'] as const;
type Station = (typeof STATIONS)[number];

const OBJECTS: Record<string, Station> = {
  unknown_facts: 'verdict',
  no_grant: 'authority',
  flow: 'flow',
  rule: 'verdict',
  undecidable: 'verdict',
  over_threshold: 'verdict',
  near_threshold: 'verdict',
};

/** Where a refusal comes from that no decision explains. */
const CODES: Record<string, Station> = { exhausted: 'reserve', not_durable: 'record', failed: 'perform', timed_out: 'perform' };

export function road(explanation: Explanation | null, code: string): HTMLElement {
  const objections = new Map<Station, string>();
  for (const reason of explanation?.reasons ?? []) {
    const station = OBJECTS[reason.code] ?? 'verdict';
    if (reason.weight !== 'permit' && !objections.has(station)) objections.set(station, reason.weight);
  }
  if (objections.size === 0 && code) objections.set(CODES[code] ?? 'authority', 'deny');
  const passes = !code && explanation !== null && (explanation.decision === 'permit' || explanation.decision === 'warn');
  const waits = !code && explanation?.decision === 'escalate';
  // The stations up to the verdict all look before anything is decided; what lies behind is not reached.
  const reached = passes ? STATIONS.length : waits || objections.has('verdict') || objections.has('authority') || objections.has('flow') ? 4
    : Math.max(...[...objections.keys()].map((station) => STATIONS.indexOf(station))) + 1;
  const words: Record<string, string> = { deny: 'refuses', escalate: 'asks', warn: 'warns' };
  const steps = STATIONS.map((station, i) => {
    const objects = objections.get(station);
    const state = objects ?? (i < reached ? 'pass' : 'off');
    const said = objects ? words[objects] ?? 'refuses' : i < reached ? 'passes' : 'not reached';
    return h('li', { class: `station is-${state}` }, h('span', { class: 'station-dot', 'aria-hidden': 'true' }), station, h('span', { class: 'sr' }, ` ${said}`));
  });
  return h('ol', { class: 'road', 'aria-label': 'Stations of the act' }, steps);
}

export function effect(explanation: Explanation): HTMLElement {
  const rows = DIMENSIONS.map((name) => {
    const parts = explanation.contributions.filter((part) => part.effect[name] > 0);
    const from = parts.map((part) => part.source).filter((source) => source !== 'base' && source !== name);
    const bar = h('span', { class: 'bar-fill' });
    bar.style.setProperty('--share', `${explanation.effect[name] / 100}%`);
    return h('tr', null,
      h('th', { scope: 'row' }, name),
      h('td', { class: 'bar-cell' }, h('span', { class: `bar bar-${name}`, 'aria-hidden': 'true' }, bar)),
      h('td', { class: 'num' }, count(explanation.effect[name])),
      h('td', { class: 'from' }, from.length ? plain(list(from), 80) : ''),
    );
  });
  return h('table', { class: 'effect' },
    h('caption', { class: 'sr' }, 'Effect by dimension, each of 10,000'),
    h('thead', { class: 'sr' }, h('tr', null, ['dimension', 'share', 'value', 'from'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', null, rows));
}

export function score(explanation: Explanation): HTMLElement {
  const { score, threshold, warnAt, environment, decision } = explanation;
  const full = Math.max(threshold * 1.3, score * 1.08, 1);
  const share = (n: number) => `${Math.min(100, (n / full) * 100)}%`;
  const over = score > threshold;
  const near = !over && warnAt !== null && score >= warnAt;
  const line = h('span', { class: `score-line ${over ? (decision === 'escalate' ? 'is-asked' : 'is-over') : near ? 'is-near' : ''}`, 'aria-hidden': 'true' },
    h('span', { class: 'score-fill' }), warnAt === null ? null : h('span', { class: 'score-warn' }), h('span', { class: 'score-limit' }));
  line.style.setProperty('--score', share(score));
  line.style.setProperty('--limit', share(threshold));
  if (warnAt !== null) line.style.setProperty('--warn', share(warnAt));
  const against = over ? 'over the threshold' : near ? 'near the threshold' : 'under the threshold';
  return h('div', { class: 'score' }, line,
    h('p', null, h('span', null, 'score ', h('b', null, count(score))),
      h('span', { class: 'muted' }, `${against} of ${count(threshold)} in ${plain(environment, 64)}`)));
}

export function labels(words: readonly string[]): Child {
  return words.length ? words.map((word) => h('span', { class: 'label' }, plain(word, 64))) : h('span', { class: 'muted' }, 'none');
}

/** The figure: effect and score on one side, who and what on the other. */
export function figure(explanation: Explanation, action: number, more: Child = null): HTMLElement {
  const row = (name: string, ...value: Child[]) => [h('dt', null, name), h('dd', null, value)];
  return h('div', { class: 'figure' },
    h('div', null, effect(explanation), score(explanation)),
    h('dl', { class: 'facts' },
      row('who', h('b', null, plain(explanation.agent, 64)), ` process ${explanation.process}`,
        explanation.app ? `, ${plain(explanation.app, 64)}` : ''),
      row('carries', labels(explanation.labels)),
      explanation.clearance.length ? row('target may hold', labels(explanation.clearance)) : null,
      explanation.blocked.length ? row('may not reach it', labels(explanation.blocked)) : null,
      explanation.missing ? row('missing right', address(explanation.missing.right, 300))
        : row('permitted by', explanation.grant ? address(explanation.grant, 300) : h('span', { class: 'muted' }, 'nothing')),
      row('in the log', `act ${count(action)}`),
      more));
}

/** An address or a right, as code: a line that is too short for it ends after a slash, or before a dot or a colon. */
export function address(text: string, most: number, name: string | null = null): HTMLElement {
  const parts = plain(text, most).split(/(?<=\S\/)|(?=[.:])/);
  return h('code', { class: name }, parts.map((part, i) => [i ? h('wbr') : null, part]));
}

/** A flag is one word: no line ends at its hyphens. */
function unbroken(text: string): Child[] {
  return text.split(/(--[a-z]+)/).map((part, i) => (i % 2 ? h('span', { class: 'flag' }, part) : part));
}

/** A sentence of the kernel's: what it puts between backquotes is set as code. */
export function sentence(text: string, most = 600): Child[] {
  return plain(text, most).split('`').map((part, i, all) => (i % 2 && i < all.length - 1 ? address(part, most) : unbroken(i % 2 ? `\`${part}` : part)));
}

/** Every reason, the weightiest first. */
export function reasons(explanation: Explanation | null, otherwise: string): HTMLElement {
  const said = explanation?.reasons.length ? explanation.reasons : null;
  return h('ul', { class: 'reasons' },
    said ? said.map((reason) => h('li', { class: `is-${reason.weight}` }, sentence(reason.text), reason.rule ? h('span', { class: 'muted' }, ` rule ${plain(reason.rule, 64)}`) : null))
      : h('li', { class: 'is-deny' }, sentence(otherwise)));
}
