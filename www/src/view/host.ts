/** What this host can do, and what it cannot, and why: the profile, as `weft doctor` prints it elsewhere. */

import { fill, h, type Child } from '../dom';
import type { Profile } from '../kernel';
import type { Session } from '../session';
import { bytes, list, plain } from '../format';
import { icons } from './icons';

const PROGRAMS: Record<string, string> = { wasm: 'WebAssembly components', native: 'handlers of the trusted base', container: 'containers' };
const CUSTODY: Record<string, string> = { non_extractable: 'held by the browser, cannot be taken out', file: 'a file', fixed: 'a constant, for tests' };

export class HostView {
  readonly element = h('div', { class: 'host' });
  private readonly heading = h('h1', { tabindex: -1 }, 'This host');
  private readonly body = h('div', { class: 'host-body' });
  private drawn = '';
  private storage: StorageEstimate | null = null;
  private asked = 0;

  constructor(private readonly session: Session) {
    this.element.append(h('div', { class: 'host-head' }, this.heading, h('p', { class: 'muted' }, 'What a tab can do for the kernel, and what it cannot. What is missing is refused by name, before anything is tried.')), this.body);
  }

  focus(): void {
    this.heading.focus();
  }

  update(): void {
    const { profile, owner, stage } = this.session;
    if (Date.now() - this.asked > 5_000) {
      this.asked = Date.now();
      void navigator.storage?.estimate?.().then((storage) => {
        this.storage = storage;
        this.session.changed();
      }, () => undefined);
    }
    const state = JSON.stringify([profile, owner, this.storage?.usage, this.storage?.quota, stage]);
    if (state === this.drawn) return;
    this.drawn = state;
    if (!profile) return fill(this.body, h('p', { class: 'muted' }, 'The kernel has not booted.'));
    fill(this.body,
      h('section', { class: 'panel', 'aria-labelledby': 'has-title' }, h('div', { class: 'panel-head' }, h('h2', { id: 'has-title' }, 'What it has')), h('dl', { class: 'profile' }, this.rows(profile))),
      h('section', { class: 'panel', 'aria-labelledby': 'lacks-title' }, h('div', { class: 'panel-head' }, h('h2', { id: 'lacks-title' }, 'What is missing here')),
        profile.missing.length ? h('dl', { class: 'profile is-missing' }, profile.missing.map(([what, why]) => row(plain(what, 64), plain(why, 400), 'no')))
          : h('p', { class: 'muted pad' }, 'Nothing.')));
  }

  private rows(profile: Profile): Child[] {
    const { owner } = this.session;
    const { usage, quota } = this.storage ?? {};
    const kept = profile.durability === 'disk';
    const persisted = profile.persisted === null ? 'not asked for' : profile.persisted
      ? 'the browser keeps it until you delete it' : 'the browser may delete it when space runs short';
    return [
      row('host', plain(profile.host, 32)),
      row('programs', plain(list(profile.programs.map((name) => (Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name]! : name))), 200) || 'none'),
      row('durability', kept ? 'a commit that returned is in this browser\u2019s private storage' : 'memory: all of it is gone when the tab is closed', kept ? 'yes' : 'partly'),
      row('kept', persisted, profile.persisted ? 'yes' : 'partly'),
      usage !== undefined && quota !== undefined ? row('space', `${bytes(usage)} used of ${bytes(quota)}`) : null,
      row('commits', profile.atomic_commits ? 'whole or not at all' : 'may leave a part, which is removed at the next boot'),
      row('folders', profile.mounts ? 'folders can be mounted' : 'none', profile.mounts ? 'yes' : 'no'),
      row('network', profile.net ? 'by fetch, under the same grants' : 'none', profile.net ? 'yes' : 'no'),
      row('in parallel', profile.parallelism === 1 ? 'one thing at a time' : `${profile.parallelism} things at once`),
      row('suspension', profile.suspension === 'anywhere' ? 'stops a guest wherever it is' : 'stops a guest at its next act', profile.suspension === 'anywhere' ? 'yes' : 'partly'),
      row('key', plain(Object.hasOwn(CUSTODY, profile.key_custody) ? CUSTODY[profile.key_custody]! : profile.key_custody, 100)),
      row('tabs', owner === null || owner.owner ? 'this tab runs the kernel' : 'another tab runs the kernel, this one is attached to it'),
    ];
  }
}

function row(name: string, value: Child, state: 'yes' | 'no' | 'partly' | '' = ''): HTMLElement {
  const drawing = { yes: icons.check, no: icons.close, partly: icons.warn, '': null }[state];
  return h('div', { class: `profile-row ${state ? `is-${state}` : ''}` }, h('dt', null, name), h('dd', null, drawing ? drawing() : null, h('span', null, value)));
}
