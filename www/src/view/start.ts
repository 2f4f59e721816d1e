/** The first view: a place for a folder, and who will look at it with which rights. */

import { fill, h, say } from '../dom';
import { Failure, type Check, type Environment, type KeptFolder } from '../kernel';
import { Cancelled, asked, chosen, dropped, type Folder } from '../folder';
import { sample } from '../sample';
import type { Session } from '../session';
import { count, counted, plain } from '../format';
import { consent } from './consent';
import { evidenceIn, showEvidence } from './evidence';
import { address } from './verdict';
import { icons } from './icons';

/** What each agent of the example does, in the words of its README. */
const DOES: Record<string, string> = {
  walker: 'goes through the folder and hands out what it reads',
  secrets: 'looks for credentials; what it finds carries the label secret',
  inventory: 'counts languages, licences and dependencies',
  hygiene: 'looks for merge conflicts, broken text, huge files',
  reporter: 'gathers what it is told and writes the report',
  courier: 'holds findings and over-reaches on purpose',
  publisher: 'posts the totals, if you let it',
};

const DROPPED = 'Drop a folder here';

/** What these ask for takes two lines: room is kept for them until the manifest is read. */
const TWO_LINES = new Set(['walker', 'publisher']);

const ENVIRONMENTS: [Environment, string][] = [
  ['dev', 'refused over 9,000'],
  ['staging', 'you are asked over 6,000'],
  ['prod', 'you are asked over 3,000'],
];

export class StartView {
  readonly element: HTMLElement;
  private readonly zone: HTMLElement;
  private readonly choose: HTMLButtonElement;
  private readonly trial: HTMLButtonElement;
  private readonly again: HTMLButtonElement;
  private readonly againName = h('bdi', null);
  private readonly problem = h('p', { class: 'form-error', role: 'alert' });
  private readonly reading = h('p', { class: 'zone-title' }, DROPPED);
  private readonly rows = h('tbody');
  private readonly notes = h('div', { class: 'start-notes' });
  private readonly before = h('p', { class: 'before' });
  private readonly heading = h('h1', { tabindex: -1 }, 'Audit a folder with agents that you need not trust');
  private readonly environments: HTMLInputElement[];
  private check: Check | null = null;

  constructor(private readonly session: Session, open: { report(): void; log(): void }) {
    const input = h('input', { type: 'file', webkitdirectory: true, multiple: true, class: 'sr', tabindex: -1, 'aria-hidden': 'true' });
    const take = (folder: Promise<Folder>) => void folder.then((one) => this.offer(one), (error) => this.failed(error));
    this.choose = h('button', { type: 'button', class: 'button is-primary', on: { click: () => take(chosen(input)) } }, icons.folder(), 'Choose a folder');
    this.trial = h('button', { type: 'button', class: 'button', on: { click: () => this.offer(sample()) } }, 'Use the sample folder');
    this.again = h('button', { type: 'button', class: 'button', hidden: true, on: { click: () => this.session.kept && take(asked(this.session.kept)) } }, icons.folder(), h('span', null, 'Audit ', this.againName, ' again'));
    this.zone = h('div', { class: 'zone' },
      this.reading,
      h('p', { class: 'muted' }, 'It is read in this tab. No byte of it leaves, unless you let the publisher post its totals.'),
      h('div', { class: 'zone-actions' }, this.choose, this.trial, input), this.problem);
    this.environments = ENVIRONMENTS.map(([value]) => h('input', { type: 'radio', name: 'environment', value, on: { change: () => void session.switchTo(value) } }));
    this.element = h('div', { class: 'start' },
      h('div', { class: 'start-main' },
        this.heading,
        h('p', { class: 'lead' }, 'Seven WebAssembly agents run in a small operating-system kernel, here in this tab. Each may do what its manifest asks and you give. ',
          'Every act takes one road, every refusal says why, and the log of it can be verified.'),
        this.zone, this.before, this.notes, h('p', null, this.again)),
      h('div', { class: 'start-side' },
        h('section', { class: 'panel', 'aria-labelledby': 'agents-title' },
          h('div', { class: 'panel-head' }, h('h2', { id: 'agents-title' }, 'Who will run'), h('span', { class: 'muted' }, 'repo-audit')),
          h('table', { class: 'grid agents' },
            h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'agent'), h('th', { scope: 'col' }, 'what it does'), h('th', { scope: 'col' }, 'asks for, beyond messages'))),
            this.rows)),
        h('fieldset', { class: 'panel environments' }, h('legend', { class: 'panel-legend' }, 'When what an agent may do still scores high'),
          ENVIRONMENTS.map(([value, text], i) => h('label', null, this.environments[i]!, h('b', null, value), h('span', { class: 'muted' }, text))))));
    this.links = { report: h('button', { type: 'button', class: 'link', on: { click: () => open.report() } }, 'its report'), log: h('button', { type: 'button', class: 'link', on: { click: () => open.log() } }, 'read it') };
    this.accept(document.body);
    this.placeholders();
  }

  private readonly links: { report: HTMLButtonElement; log: HTMLButtonElement };

  focus(): void {
    this.heading.focus();
  }

  update(): void {
    const { session } = this;
    const ready = session.stage === 'start';
    this.choose.disabled = this.trial.disabled = this.again.disabled = !ready;
    this.remembered(session.kept);
    for (const input of this.environments) {
      input.checked = input.value === session.environment;
      // The kernel of another tab is not ours to boot anew.
      input.disabled = !ready || session.owner?.owner === false;
    }
    if (session.check && session.check !== this.check) this.agents((this.check = session.check));
    this.earlier();
    this.note();
  }

  private shown: KeptFolder | null = null;
  private remembered(kept: KeptFolder | null): void {
    if (kept === this.shown) return;
    this.shown = kept;
    this.again.hidden = kept === null;
    say(this.againName, kept ? plain(kept.folder.name, 60) : '');
  }

  private state = '';
  private earlier(): void {
    const { log, logReady, report } = this.session;
    const last = (kind: string, verb = '') => log.entries.findLast((entry) => entry.event.kind === kind && (!verb || (entry.verb === verb && entry.resource.startsWith('/app/'))));
    const [begun, ended] = logReady ? [last('intent', 'start'), last('app_ended')] : [];
    const cut = !!begun && (!ended || ended.seq < begun.seq);
    const state = logReady ? `${log.size} ${ended?.seq} ${cut} ${!!report}` : '';
    if (state === this.state) return;
    this.state = state;
    if (!logReady) return say(this.before, '');
    fill(this.before, `The log of this browser holds ${count(log.size)} events`, cut ? '; the last run was cut short when its tab was closed' : ended ? ', with an earlier run' : '', ': ', this.links.log,
      report ? [', or ', this.links.report] : null, '.');
  }

  private noted = '';
  /** What somebody should know before he begins. */
  private note(): void {
    const { profile, owner } = this.session;
    const lacks = (profile?.missing ?? []).filter(([what]) => what === 'wasm' || what === 'storage');
    const notes = [
      ...lacks.map(([what, why]) => [what === 'wasm' ? 'This browser cannot run the agents' : 'Nothing is kept here', plain(why, 400)]),
      ...(owner?.owner === false ? [['Another tab runs the kernel', 'This one sees and steers the same, and takes it over when the other is closed.']] : []),
    ];
    const state = JSON.stringify(notes);
    if (state === this.noted) return;
    this.noted = state;
    fill(this.notes, notes.map(([what, why]) => h('p', { class: 'note is-warn' }, h('b', null, what!), h('span', null, why!))));
  }

  private offer(folder: Folder): void {
    say(this.problem, '');
    if (this.session.stage === 'ended') this.session.reset();
    if (this.session.stage === 'start') consent(this.session, folder);
  }

  private failed(error: unknown): void {
    if (!(error instanceof Cancelled)) say(this.problem, plain(Failure.of(error).message, 300));
  }

  /** A folder may be dropped anywhere on the page, and a file of evidence at any time. */
  private accept(target: HTMLElement): void {
    const free = () => !document.querySelector('dialog[open]');
    const takes = () => (this.session.stage === 'start' || this.session.stage === 'ended') && free();
    // Of what is still dragged only its type is told.
    const evidence = ({ dataTransfer: data }: DragEvent) => data?.items.length === 1 && data.items[0]!.type === 'application/json' && free();
    let depth = 0;
    const mark = (on: boolean) => document.body.classList.toggle('is-dragging', on);
    target.addEventListener('dragenter', (event) => {
      event.preventDefault();
      depth += 1;
      if (takes() || evidence(event)) mark(true);
    });
    target.addEventListener('dragover', (event) => {
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = takes() || evidence(event) ? 'copy' : 'none';
    });
    target.addEventListener('dragleave', () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) mark(false);
    });
    target.addEventListener('drop', (event) => {
      event.preventDefault();
      depth = 0;
      mark(false);
      const data = event.dataTransfer;
      if (!data || !free()) return;
      const [file] = data.files.length === 1 ? data.files : [];
      // Both are asked for at once: what was dropped is gone when this is over.
      const folder = takes() ? dropped(data, (files) => say(this.reading, `Listing: ${counted(files, 'file')}`)) : null;
      folder?.catch(() => undefined).finally(() => say(this.reading, DROPPED));
      void (file ? evidenceIn(file) : Promise.resolve(null)).then((text) => {
        if (file && text !== null) void showEvidence(this.session, file.name, text);
        else void folder?.then((folder) => this.offer(folder), (error) => this.failed(error));
      });
    });
  }

  private placeholders(): void {
    fill(this.rows, Object.entries(DOES).map(([name, does]) => h('tr', null, h('th', { scope: 'row' }, name), h('td', { class: 'muted' }, does), h('td', { class: 'c-asks' }, h('code', null, '\u00a0'), TWO_LINES.has(name) ? h('code', null, '\u00a0') : null))));
  }

  private agents(check: Check): void {
    fill(this.rows, check.agents.map((agent) => {
      const asks = check.asks.filter((ask) => ask.agents.includes(agent.name));
      const known = Object.hasOwn(DOES, agent.name) ? DOES[agent.name]! : '';
      return h('tr', null, h('th', { scope: 'row' }, plain(agent.name, 64)), h('td', { class: 'muted' }, known),
        h('td', { class: 'c-asks' }, asks.length
          ? asks.map((ask) => [address(ask.right, 120, ask.optional ? 'is-optional' : null), ask.optional ? h('span', { class: 'muted' }, ' optional') : null, ' '])
          : h('span', { class: 'muted' }, 'nothing')));
    }));
  }
}
