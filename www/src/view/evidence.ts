/**
 * What a file of evidence says, in sentences, or why it does not hold: a receipt or a proof that was dropped or chosen, whichever kernel it is
 * from. It is checked against this tab's own key first, and against any that the person pastes. No kernel is needed for that.
 */

import { attribute, fill, h, say, type Child } from '../dom';
import { Failure, verify, type Proof } from '../kernel';
import type { Session } from '../session';
import { count, counted, plain } from '../format';
import { dialog } from './dialog';
import { icons } from './icons';

/** The largest file that is looked into: the kernel reads no larger one. */
const MOST = 2 << 20;
/** So much of a sentence is shown. */
const SENTENCE = 600;

/** The text of `file` if it looks like evidence. */
export async function evidenceIn(file: File): Promise<string | null> {
  if (file.size === 0 || file.size > MOST) return null;
  const text = await file.text().catch(() => '');
  return /^\s*\{/.test(text) && /"checkpoint"\s*:/.test(text) && /"(evidence|inclusion)"\s*:/.test(text) ? text : null;
}

/** Lets the person choose a file, and shows what it says. */
export function chooseEvidence(session: Session): void {
  const input = h('input', { type: 'file', accept: '.json,application/json' });
  input.onchange = () => {
    const file = input.files?.[0];
    if (!file) return;
    const text = file.size > MOST ? Promise.resolve('') : file.text().catch(() => '');
    void text.then((text) => showEvidence(session, file.name, text));
  };
  input.click();
}

/** What was found by the codes of refusals, in words. */
const FOUND: Record<string, string> = {
  forked: 'Something in it was changed after it was signed.',
  binding_failed: 'Its parts do not belong together.',
  chain_gap: 'Its events do not follow each other as they did in the log.',
  truncated: 'It is about more than was signed.',
  admission_missing: 'It does not show that the act was let pass or refused.',
  outcome_missing: 'It does not show what came of the act. The act may have been under way: ask for the receipt again.',
  invalid: 'It is not what this page can check.',
};

type Whose = 'own' | 'pasted';
const UNTRUSTED: Record<Whose, [what: string, why: string]> = {
  own: ['It is not signed by this tab\u2019s key', 'It was changed, or it is of another log: then paste the key of that log.'],
  pasted: ['It is not signed by the key that you pasted', 'It was changed, or it is of another log.'],
};

export async function showEvidence(session: Session, name: string, text: string): Promise<void> {
  let open = true;
  const { body, foot, close } = dialog(['Evidence: ', h('bdi', null, plain(name, 80))], { class: 'evidence', closed: () => { open = false; } });
  const title = h('p', { class: 'seal-title' });
  const why = h('p');
  const verdict = h('div', { class: 'seal evidence-said', role: 'status', 'data-state': 'none' }, title, why);
  const said = h('dl', { class: 'profile' });
  const input = h('input', { class: 'input', name: 'key', spellcheck: 'false', autocomplete: 'off', required: true });
  const form = h('form', { class: 'evidence-key', on: { submit: (event) => {
    event.preventDefault();
    if (input.value.trim()) void check(input.value.trim(), 'pasted');
  } } },
    h('label', { class: 'field' }, h('span', null, 'Key of the log, as who keeps the log told you'), input),
    h('button', { type: 'submit', class: 'button' }, 'Check with this key'));
  body.append(verdict, said, form);
  foot.append(h('button', { type: 'button', class: 'button is-primary', on: { click: close } }, 'Close'));

  const check = async (key: string, whose: Whose) => {
    attribute(verdict, 'data-state', 'none');
    fill(title, 'Checking');
    say(why, '');
    fill(said);
    try {
      const proof = await verify(text, key);
      if (!open) return;
      attribute(verdict, 'data-state', 'ok');
      fill(title, icons.check(), holds(proof));
      fill(said, rows(proof, whose));
    } catch (error) {
      if (!open) return;
      const { code, message } = Failure.of(error);
      attribute(verdict, 'data-state', 'bad');
      const [what, because] = code === 'key_untrusted' ? UNTRUSTED[whose] : ['It does not hold', FOUND[code] ?? ''];
      fill(title, icons.close(), what);
      say(why, because);
      fill(said, row('found', plain(message, SENTENCE)), row('code', h('code', null, plain(code, 32))), row('key', signer(key, whose)));
    }
  };
  const own = await session.key();
  if (!open) return;
  if (own) return check(own, 'own');
  fill(title, 'It is not checked yet');
  say(why, 'There is no kernel here whose key it could be: paste the key of the log that it has to be of.');
}

function holds(proof: Proof): string {
  switch (proof.evidence) {
    case 'receipt': return `The receipt of act ${count(proof.action)} holds`;
    case 'inclusion': return `The log has event ${count(proof.event.seq)}`;
    case 'consistency': return `The log begins with those ${counted(proof.old.size, 'event')}`;
    case 'node': return proof.node?.value ? 'The tree holds the node' : 'The tree does not hold the node';
  }
}

function rows(proof: Proof, whose: Whose): Child[] {
  const sentence = (text: string) => h('bdi', null, plain(text, SENTENCE));
  const event = ({ seq, kind, time }: { seq: number; kind: string; time: string }) => h('li', null, `${count(seq)}, ${plain(kind, 32).replaceAll('_', ' ')}, `, h('time', { datetime: time }, plain(time, 32)));
  return [
    ...of(),
    row('log', `${plain(proof.origin, 80)}, ${counted(proof.size, 'event')} when it was signed`),
    row('root', h('code', null, plain(proof.root, 64))),
    row('signed by', signer(proof.key, whose)),
  ];

  function of(): Child[] {
    switch (proof.evidence) {
      case 'receipt': return [
        row('intended', sentence(proof.intended)),
        row('decided', h('ul', null, proof.decided.map((one) => h('li', null, sentence(one))))),
        row('outcome', sentence(proof.outcome)),
        row('body', proof.body ? 'what it was done with is in the receipt, and is what the log commits to' : 'what it was done with is not in the receipt'),
        row('events', h('ul', null, proof.events.map(event))),
      ];
      case 'inclusion': return [row('event', h('ul', null, event(proof.event))), row('act', count(proof.event.action))];
      case 'consistency': return [row('old root', h('code', null, plain(proof.old.root, 64)))];
      case 'node': {
        const { node } = proof;
        return [
          row('node', h('code', null, plain(proof.path, 200))),
          node?.value ? [
            row('value', h('span', null, 'its SHA-256 is ', h('code', null, plain(node.value, 64)))),
            row('version', `${count(node.version)}, written by process ${node.owner}`),
            row('labels', node.labels.length ? plain(node.labels.join(', '), 200) : 'none'),
          ] : null,
          row('event', `${count(proof.seq)} tells the root of the tree`),
        ];
      }
    }
  }
}

function signer(key: string, whose: Whose): Child {
  return h('span', null, whose === 'own' ? 'this tab\u2019s own key: ' : 'the key that you pasted: ', h('code', null, plain(key, 300)));
}

function row(name: string, value: Child): HTMLElement {
  return h('div', { class: 'profile-row' }, h('dt', null, name), h('dd', null, value));
}
