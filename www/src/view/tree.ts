/** The resource tree: what lies below a node, the value of a node, and the proof of it as a file. */

import { fill, h, List, say, type Row } from '../dom';
import { Failure, type TreeChild } from '../kernel';
import type { Session } from '../session';
import { bytes, count, plain } from '../format';
import { save } from './save';
import { icons } from './icons';

const ROOT = '/tree';
const COLUMNS = ['name', 'version', 'size', 'kind', 'labels'] as const;
/** So many lines of a value are shown, and so many characters of each. */
const LINES = 400;
const WIDE = 2_000;

export class TreeView {
  readonly element: HTMLElement;
  private readonly heading = h('h1', { tabindex: -1 }, 'The tree');
  private readonly crumbs = h('ol', { class: 'crumbs' });
  private readonly proof = h('button', { type: 'button', class: 'button', on: { click: () => void this.prove() } }, icons.down(), 'Proof');
  private readonly value = h('div', { class: 'tree-value' });
  private readonly problem = h('p', { class: 'form-error', role: 'alert' });
  private readonly body = h('tbody');
  private readonly list = new List<TreeChild>(this.body, ({ name }) => name, (child) => this.row(child));
  private readonly nothing = h('p', { class: 'muted pad', role: 'status' });
  private readonly more = h('button', { type: 'button', class: 'button', hidden: true, on: { click: () => this.further() } }, 'More');
  private path = ROOT;
  private children: TreeChild[] = [];
  private next: string | null = null;
  /** What is known of the nodes that were listed. */
  private readonly known = new Map<string, TreeChild>();
  /** How long the log was when it was listed, and of which path. */
  private listed = '';
  private listing = false;
  private whole = true;
  private read = false;

  constructor(private readonly session: Session) {
    this.element = h('div', { class: 'host tree' },
      h('div', { class: 'host-head' }, this.heading, h('p', { class: 'muted' }, 'What applications keep, each value under a name. The log tells the root over all of it, so a proof shows a stranger what a node was, or that it was not there. To read a value is an act of yours, which the log tells of.')),
      h('section', { class: 'panel', 'aria-label': 'Node' },
        h('div', { class: 'panel-head' }, h('nav', { 'aria-label': 'Place in the tree' }, this.crumbs), this.proof),
        this.problem, this.value,
        h('div', { class: 'tree-children' },
          h('table', { class: 'grid is-roomy' },
            h('thead', null, h('tr', null, COLUMNS.map((name) => h('th', { scope: 'col', 'data-name': name, class: numeric(name) }, name)))), this.body),
          this.nothing, this.more)));
    this.place();
  }

  focus(): void {
    this.heading.focus();
  }

  update(): void {
    this.proof.disabled = !this.session.host;
    if (!this.whole) this.draw();
    void this.load();
  }

  /** Goes to a node. */
  private open(path: string): void {
    this.path = path;
    this.children = [];
    this.next = null;
    this.listed = '';
    this.read = false;
    fill(this.value);
    say(this.problem, '');
    say(this.nothing, '');
    this.list.show([]);
    this.place();
    this.crumbs.querySelector<HTMLElement>('[aria-current]')?.focus();
    void this.load();
  }

  private place(): void {
    const names = this.path.split('/').slice(1);
    fill(this.crumbs, names.map((name, i) => {
      const path = `/${names.slice(0, i + 1).join('/')}`;
      const here = path === this.path;
      return h('li', null, h('button', { type: 'button', class: 'link', 'aria-current': here ? 'page' : null, on: { click: () => this.open(path) } }, h('bdi', null, plain(name, 80))));
    }));
  }

  /** Lists the node anew if the log has grown since. */
  private async load(): Promise<void> {
    const { host, log } = this.session;
    const [path, state] = [this.path, `${this.path} ${log.size}`];
    if (!host || this.listing || state === this.listed) return;
    this.listing = true;
    try {
      // What was asked for by "More" stays.
      const most = Math.max(1, this.children.length);
      let page = await host.children(path, null);
      let children = page.children;
      while (page.next !== null && children.length < most) {
        page = await host.children(path, page.next);
        children = joined(children, page.children);
      }
      if (path === this.path) {
        this.listed = state;
        this.show(children, page.next);
        await this.readValue();
      }
    } catch (error) {
      if (path === this.path) {
        this.listed = state;
        say(this.problem, plain(Failure.of(error).message, 300));
      }
    } finally {
      this.listing = false;
      if (path !== this.path) void this.load();
    }
  }

  private async further(): Promise<void> {
    const { path, next } = this;
    const page = await this.session.host?.children(path, next).catch(() => null);
    if (page && path === this.path) this.show(joined(this.children, page.children), page.next);
  }

  private show(children: TreeChild[], next: string | null): void {
    for (const child of children) this.known.set(`${this.path}/${child.name}`, child);
    [this.children, this.next] = [children, next];
    say(this.nothing, children.length === 0 ? (this.path === ROOT ? 'Nothing was written to it.' : 'Nothing is below it.') : '');
    this.more.hidden = next === null;
    this.draw();
  }

  private draw(): void {
    this.whole = this.list.show(this.children);
    if (!this.whole) this.session.changed();
  }

  private row({ name }: TreeChild): Row<TreeChild> {
    const path = `${this.path}/${name}`;
    const below = h('span', { class: 'muted' });
    const cells = COLUMNS.slice(1).map((column) => h('td', { 'data-name': column, class: numeric(column) }));
    const button = h('button', { type: 'button', class: 'link', on: { click: () => this.open(path) } }, h('bdi', null, plain(name, 120)), below);
    return {
      element: h('tr', null, h('td', { 'data-name': 'name' }, button), cells),
      update: ({ node, bytes: size, parent }) => {
        say(below, parent ? '/' : '');
        const gone = node !== null && node.value === null;
        const values = [node === null ? '' : gone ? 'removed' : count(node.version), size === null ? '' : bytes(size), plain(node?.kind ?? '', 48), plain(node?.labels.join(', ') ?? '', 120)];
        values.forEach((text, i) => say(cells[i]!, text));
      },
    };
  }

  /** Reads the value once: reading it again and again would fill the log. */
  private async readValue(): Promise<void> {
    const { path, session } = this;
    if (this.read || !session.host || this.known.get(path)?.bytes == null) return;
    this.read = true;
    const value = await session.host.value(path);
    if (path !== this.path) return;
    const text = textOf(value);
    fill(this.value,
      text === null ? h('p', { class: 'muted' }, `${bytes(value.length)} that are no text`)
        : h('pre', { class: 'raw', tabindex: 0, 'aria-label': 'Value' }, lines(text)),
      h('button', { type: 'button', class: 'button', on: { click: () => save(path.split('/').at(-1)!, value, 'application/octet-stream') } }, icons.down(), 'Value'));
  }

  private async prove(): Promise<void> {
    const { path } = this;
    const proof = await this.session.proof(path);
    if (proof !== null) save(`proof-${path.slice(1).replaceAll('/', '-')}.json`, proof, 'application/json');
  }
}

/** Both, where one that is on two pages is told by both. */
function joined(before: TreeChild[], after: TreeChild[]): TreeChild[] {
  const all = new Map(before.map((child) => [child.name, child]));
  for (const child of after) {
    const known = all.get(child.name);
    all.set(child.name, known ? { ...(child.node ? child : known), parent: known.parent || child.parent } : child);
  }
  return [...all.values()];
}

function textOf(value: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return null;
  }
}

function lines(text: string): string[] {
  const all = text.split('\n');
  const shown = all.slice(0, LINES).map((line) => `${plain(line, WIDE)}\n`);
  return all.length > LINES ? [...shown, `and ${count(all.length - LINES)} lines more\n`] : shown;
}

const numeric = (column: string) => (column === 'version' || column === 'size' ? 'num' : null);
