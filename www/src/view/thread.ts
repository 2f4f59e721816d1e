/**
 * The thread of one process through the log: bars over stretches of it, taller for more acts, coloured by the
 * strictest decision in the stretch. All threads share one scale, so that the table reads like cloth.
 */

import type { Decision } from '../kernel';
import { placeOf, type Log } from '../log';

const STRICT: Decision[] = ['permit', 'warn', 'escalate', 'deny'];
const PITCH = 3;
const colours = new Map<Decision, string>();
let drawnWith = '';

/** Colours are read once for each look of the page: from a probe, for what a variable holds depends on the scheme. */
function colour(decision: Decision): string {
  const look = `${document.documentElement.dataset.theme ?? ''}${matchMedia('(prefers-color-scheme: dark)').matches}`;
  if (look !== drawnWith) {
    drawnWith = look;
    const probe = document.createElement('i');
    document.body.append(probe);
    for (const one of STRICT) {
      probe.style.color = `var(--thread-${one})`;
      colours.set(one, getComputedStyle(probe).color);
    }
    probe.remove();
  }
  return colours.get(decision)!;
}

const seen = new WeakMap<HTMLCanvasElement, string>();
const sizes = new WeakMap<Element, { width: number; height: number }>();

/** Sizes are told when they change, so that drawing asks for none and nothing is laid out for it. */
export function watchThreads(changed: () => void): (canvas: HTMLCanvasElement) => void {
  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) sizes.set(target, { width: contentRect.width, height: contentRect.height });
    changed();
  });
  return (canvas) => observer.observe(canvas);
}

/** Whether there was something to draw. */
export function drawThread(canvas: HTMLCanvasElement, log: Log, pid: number | null, since: number): boolean {
  const { width, height } = sizes.get(canvas) ?? { width: 0, height: 0 };
  if (width === 0) return false;
  const state = `${pid} ${log.version} ${width} ${devicePixelRatio} ${colour('permit')}`;
  if (seen.get(canvas) === state) return false;
  seen.set(canvas, state);
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  if (!context || pid === null) return true;
  context.scale(scale, scale);
  const buckets = Math.max(1, Math.floor(width / PITCH));
  const span = Math.max(buckets, log.next - since);
  const tallest = Math.log2(2 + span / buckets);
  (threadsOf(log, since, span, buckets).get(pid) ?? []).forEach(({ n, worst }, bucket) => {
    const tall = worst === 3 ? height : Math.max(2, Math.min(1, Math.log2(1 + n) / tallest) * height);
    context.fillStyle = colour(STRICT[worst]!);
    context.fillRect(bucket * PITCH, (height - tall) / 2, PITCH - 1, tall);
  });
  return true;
}

type Stretch = { n: number; worst: number };
let spun: { log: Log; key: string; threads: Map<number, Stretch[]> } | null = null;

/** The threads of all processes: the log is gone through once for all of them. */
function threadsOf(log: Log, since: number, span: number, buckets: number): Map<number, Stretch[]> {
  const key = `${log.version} ${since} ${buckets}`;
  if (spun?.log === log && spun.key === key) return spun.threads;
  const threads = new Map<number, Stretch[]>();
  for (let i = placeOf(log.entries, since); i < log.entries.length; i += 1) {
    const entry = log.entries[i]!;
    if (entry.pid === null || !entry.verb) continue;
    let thread = threads.get(entry.pid);
    if (!thread) threads.set(entry.pid, (thread = []));
    const bucket = Math.min(buckets - 1, Math.floor(((entry.seq - since) / span) * buckets));
    const at = (thread[bucket] ??= { n: 0, worst: 0 });
    at.n += entry.event.kind === 'route_counted' ? Math.min(8, Number(entry.event.content?.more) || 1) : 1;
    at.worst = Math.max(at.worst, STRICT.indexOf(entry.decision ?? 'permit'));
  }
  spun = { log, key, threads };
  return threads;
}
