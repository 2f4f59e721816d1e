/**
 * What the application wrote: `report.json` taken apart, and `report.md` as it is.
 *
 * Both come from agents that looked at a stranger's folder. Nothing in them is trusted: shapes are checked here, and
 * texts stay texts.
 */

import type { Host } from './kernel';

export interface Secret { path: string; line: number; kind: string; excerpt: string }
export interface Defect { path: string; line: number | null; kind: string; detail: string }
export interface Tally { name: string; files: number; lines: number; bytes: number }
export interface Licence { name: string; headers: number; texts: string[]; manifests: string[] }
export interface Package { path: string; kind: string; name: string; version: string; problem: string; dependencies: Dependency[] }
export interface Dependency { name: string; requirement: string; scope: string }
export interface Refusal { agent: string; verb: string; resource: string; labels: string[]; findings: number; code: string; reason: string; action: number | null }

export interface Contents {
  complete: boolean;
  problems: string[];
  scanned: { files: number; folders: number; links: number; bytes: number; unreadable: number } | null;
  secrets: { found: number; unlisted: number; findings: Secret[] };
  hygiene: { found: number; unlisted: number; findings: Defect[] };
  languages: Tally[];
  binary: Tally;
  licences: Licence[];
  packages: Package[];
  refusals: Refusal[];
  publisher: { endpoint: string | null; status: number | null; problem: string | null } | null;
}

export interface Report {
  markdown: Uint8Array | null;
  json: Uint8Array | null;
  /** null where `report.json` is not what it should be: then the Markdown is shown as text. */
  contents: Contents | null;
}

export async function readReport(host: Host, mount: string): Promise<Report | null> {
  const read = (path: string) => host.readFile(mount, path).catch(() => null);
  const [json, markdown] = await Promise.all([read('report.json'), read('report.md')]);
  if (!json && !markdown) return null;
  return { json, markdown, contents: json ? parse(json) : null };
}

export function parse(bytes: Uint8Array): Contents | null {
  let root: any;
  try {
    root = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (typeof root !== 'object' || root === null || root.version !== 1) return null;
  const findings = (value: any) => ({ found: number(value?.found), unlisted: number(value?.unlisted) });
  const scanned = root.scanned;
  const inventory = root.inventory ?? {};
  return {
    complete: root.complete === true,
    problems: array(root.problems).map(text),
    scanned: scanned ? {
      files: number(scanned.files),
      folders: number(scanned.folders),
      links: number(scanned.links),
      bytes: number(scanned.bytes),
      unreadable: number(scanned.unreadable),
    } : null,
    secrets: {
      ...findings(root.secrets),
      findings: array(root.secrets?.findings).map((one) => ({
        path: text(one?.path), line: number(one?.line), kind: text(one?.kind), excerpt: text(one?.excerpt),
      })),
    },
    hygiene: {
      ...findings(root.hygiene),
      findings: array(root.hygiene?.findings).map((one) => ({
        path: text(one?.path), line: one?.line == null ? null : number(one.line), kind: text(one?.kind), detail: text(one?.detail),
      })),
    },
    languages: entries(inventory.languages).map(([name, one]) => tally(name, one)).sort((a, b) => b.lines - a.lines || (a.name < b.name ? -1 : 1)),
    binary: tally('not text', inventory.binary),
    licences: entries(inventory.licences).map(([name, one]) => ({
      name, headers: number(one?.headers), texts: array(one?.texts).map(text), manifests: array(one?.manifests).map(text),
    })),
    packages: array(inventory.manifests).map((one) => ({
      path: text(one?.path), kind: text(one?.kind), name: text(one?.name), version: text(one?.version), problem: text(one?.problem),
      dependencies: array(one?.dependencies).map((d) => ({ name: text(d?.name), requirement: text(d?.requirement), scope: text(d?.scope) })),
    })),
    refusals: array(root.refusals).filter((one) => one?.refusal).map((one) => ({
      agent: text(one.agent), verb: text(one.verb), resource: text(one.resource), labels: array(one.labels).map(text),
      findings: number(one.findings), code: text(one.refusal.code), reason: text(one.refusal.reason),
      action: one.refusal.action == null ? null : number(one.refusal.action),
    })),
    publisher: root.publisher ? {
      endpoint: root.publisher.endpoint == null ? null : text(root.publisher.endpoint),
      status: root.publisher.status == null ? null : number(root.publisher.status),
      problem: root.publisher.problem == null ? null : text(root.publisher.problem),
    } : null,
  };
}

const array = (value: unknown): any[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : value == null ? '' : String(value));
const number = (value: unknown): number => (Number.isFinite(Number(value)) ? Number(value) : 0);
const entries = (value: unknown): [string, any][] => (typeof value === 'object' && value !== null ? Object.entries(value) : []);
const tally = (name: string, one: any): Tally => ({ name, files: number(one?.files), lines: number(one?.lines), bytes: number(one?.bytes) });
