/** The page: a session, its views, and what brings the two together. */

import { Session } from './session';
import type { Environment } from './kernel';
import { attribute, fill } from './dom';
import { AskView } from './view/ask';
import { HostView } from './view/host';
import { LogView } from './view/log';
import { ReportView } from './view/report';
import { RunView } from './view/run';
import { FailureView, Shell, type TabName } from './view/shell';
import { StartView } from './view/start';
import { TreeView } from './view/tree';
import { keepOffline } from './offline';
import { pause } from './slices';
import { guardScripts } from './trust';

interface View { element: HTMLElement; update(): void; focus(): void }

guardScripts();

const ENVIRONMENTS: Environment[] = ['dev', 'staging', 'prod'];
const session = new Session(stored());
const shell = new Shell(session, (tab) => update(tab));
const go = {
  run: () => open('run'),
  report: () => open('report'),
  log: (action?: number) => {
    open('log');
    if (action !== undefined) log().showAction(action);
  },
};
const start: View = new StartView(session, { report: go.report, log: () => go.log() });
const ask = new AskView(session);

/** Made when they are first needed, so that the page is there at once. */
function once<V>(make: () => V): () => V {
  let made: V | undefined;
  return () => (made ??= make());
}
function placed<V extends View>(tab: TabName, view: V): V {
  fill(shell.panels.get(tab)!, view.element);
  return view;
}
const run = once((): View => new RunView(session, go));
const failure = once((): View => new FailureView(session));
const report = once((): View => placed('report', new ReportView(session, go)));
const log = once(() => placed('log', new LogView(session)));
const tree = once((): View => placed('tree', new TreeView(session)));
const host = once((): View => placed('host', new HostView(session)));
const views: Record<TabName, () => View> = { run: () => front ?? start, report, log, tree, host };

let front: View | null = null;

/** Which view stands under "Run". When it is another one, the focus goes along, unless it is elsewhere on the page. */
function settle(): void {
  const { stage } = session;
  const next = stage === 'failed' ? failure() : stage === 'running' || stage === 'ended' ? run() : stage === 'booting' && front ? front : start;
  if (next === front) return;
  const panel = shell.panels.get('run')!;
  const lost = front !== null && (document.activeElement === document.body || panel.contains(document.activeElement));
  front = next;
  fill(panel, next.element);
  attribute(panel, 'data-view', next === start ? 'start' : stage === 'failed' ? 'failure' : 'run');
  if (lost) next.focus();
}

function update(tab: TabName): void {
  views[tab]().update();
}

function open(tab: TabName): void {
  shell.show(tab);
  views[tab]().focus();
}

session.onChange(() => {
  settle();
  shell.update();
  ask.update();
  update(shell.current);
  if (store(session.environment)) attribute(document.documentElement, 'data-environment', session.environment);
});

function stored(): Environment {
  try {
    const environment = localStorage.getItem('weft-environment') as Environment;
    return ENVIRONMENTS.includes(environment) ? environment : 'dev';
  } catch {
    return 'dev';
  }
}

function store(environment: Environment): boolean {
  try {
    localStorage.setItem('weft-environment', environment);
  } catch {
    // Where nothing may be stored the choice lasts as long as the page.
  }
  return true;
}

settle();
// First the browser draws what is there.
void pause().then(() => Promise.all([session.boot(), keepOffline()]));
