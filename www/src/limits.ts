/** What processes may use at most, and how near they are to that: names and figures for a person. */

import type { Limit, Process } from './kernel';
import { bytes, count, duration, plain } from './format';

/** So much of a limit is near it: the share at which the kernel tells of it, too. */
const NEAR = 0.8;

export type Level = 'near' | 'over' | null;

export const share = ({ used, limit }: Limit): number => (limit > 0 ? Math.min(1, used / limit) : 1);

export function level(limit: Limit | null): Level {
  if (!limit) return null;
  return limit.used >= limit.limit ? 'over' : share(limit) >= NEAR ? 'near' : null;
}

/** The worst of all of a process's limits. */
export function worst({ limits }: Process): Level {
  const levels = limits.map(level);
  return levels.includes('over') ? 'over' : levels.includes('near') ? 'near' : null;
}

/** The limit of a process that a column shows: of one meter, its own before that of its account. */
export function limitOf(process: Process, meter: string): Limit | null {
  const those = process.limits.filter((limit) => limit.meter === meter);
  return those.find(({ of }) => of !== 'account') ?? those[0] ?? null;
}

const NAMES: Record<string, string> = {
  acts: 'acts', messages: 'messages sent', tool_calls: 'calls of tools', fuel: 'fuel', memory: 'memory', handle: 'time', wall: 'time since its start', stored: 'stored',
};
const OF: Record<string, string> = { instance: ' of an instance', message: ' of one message' };
/** What an application may have is set aside for its instances when they start. */
const OF_ACCOUNT: Record<string, string> = { memory: 'memory set aside' };

export const named = ({ meter, of }: Pick<Limit, 'meter' | 'of'>): string => `${(of === 'account' && OF_ACCOUNT[meter]) || (NAMES[meter] ?? plain(meter, 32))}${OF[of] ?? ''}`;

/** So many of what a meter counts. */
export function amount(meter: string, n: number): string {
  if (meter === 'memory' || meter === 'stored') return bytes(n);
  if (meter === 'handle' || meter === 'wall') return duration(n / 1e6);
  if (meter === 'fuel') return millions(n);
  return count(n);
}

/** Units of fuel. */
export const millions = (n: number): string => `${(n / 1e6).toFixed(1)} M`;
