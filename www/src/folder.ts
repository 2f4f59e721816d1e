/**
 * A folder of the person's, by drop or by choice, as something that can be mounted.
 *
 * A dropped folder is its files, all of them: a folder that the browser hands out as a handle hides files whose names
 * it does not trust (with `<`, `:` or `|` in them), and an audit that misses some in silence is none. A handle is what
 * a chosen folder is, and what a dropped one is that has more files than can be listed; then the consent says so. What
 * the browser does not open although it is there, such as a file whose name is no UTF-8, is named beside what is mounted.
 * Nothing is read here but names and sizes.
 */

import type { KeptFolder, MountSource } from './kernel';
import { counted, list, plain } from './format';

export interface Folder {
  name: string;
  source: MountSource;
  /** Whether the browser may leave out files whose names it does not trust. */
  partial: boolean;
  /** Paths of what is there and could not be opened, so that nobody who is given the folder can read it. */
  closed: string[];
  /** null where only the handle knows. */
  files: number | null;
  bytes: number | null;
}

/** A file, or why there is none. */
type Listed = [path: string, file: File | string];

/** What an entry is called that has no name. */
const UNNAMED = '\u{FFFD}';

/** A folder of more files is taken as a handle. */
const MOST_FILES = 50_000;

/** So many of the entries that could not be opened are named. */
const NAMED = 5;

/** A person closed the chooser. */
export class Cancelled extends Error {}

export async function dropped(data: DataTransfer, progress: (files: number) => void): Promise<Folder> {
  const items = [...data.items].filter((item) => item.kind === 'file');
  // Both have to be asked for before the first await: the list is emptied when the event is over.
  const handles = items.map((item) => item.getAsFileSystemHandle?.() ?? null);
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const loose = [...data.files];
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (items.length === 1 && folders[0]) {
    const files: Listed[] = [];
    if (await walk(folders[0] as FileSystemDirectoryEntry, '', files, progress)) return ofFiles(folders[0].name, files);
  }
  if (items.length === 1 && handles[0]) {
    const handle = await handles[0].catch(() => null);
    if (handle?.kind === 'directory') return ofHandle(handle as FileSystemDirectoryHandle);
  }
  if (loose.length > 0 && folders.length === 0) {
    return ofFiles(loose.length === 1 ? loose[0]!.name : `${loose.length} files`, loose.map((file) => [file.name, file]));
  }
  throw new Error(items.length > 1 ? 'Drop one folder at a time.' : 'That was not a folder. Drop a folder, or choose one.');
}

export async function chosen(input: HTMLInputElement): Promise<Folder> {
  if ('showDirectoryPicker' in window) {
    try {
      return ofHandle(await window.showDirectoryPicker({ id: 'weft-repo', mode: 'read' }));
    } catch (error) {
      if ((error as DOMException).name === 'AbortError') throw new Cancelled();
      // A frame or a policy may forbid it where the input is allowed.
    }
  }
  return new Promise((resolve, reject) => {
    input.value = '';
    input.onchange = () => {
      const files = [...(input.files ?? [])];
      if (files.length === 0) return reject(new Cancelled());
      const name = files[0]!.webkitRelativePath.split('/')[0] || 'folder';
      resolve(ofFiles(name, files.map((file) => [file.webkitRelativePath.split('/').slice(1).join('/') || file.name, file])));
    };
    input.oncancel = () => reject(new Cancelled());
    input.click();
  });
}

/** A folder that was chosen before the page was loaded; the browser may want to ask for it again. */
export async function asked({ folder, mode, bound }: KeptFolder): Promise<Folder> {
  if (!bound && await folder.requestPermission?.({ mode }) !== 'granted') throw new Error(`The browser was given no leave to read ${plain(folder.name, 120)}. Choose it, or another folder.`);
  return ofHandle(folder);
}

export function ofFiles(name: string, files: Listed[]): Folder {
  const bytes = files.reduce((sum, [, file]) => sum + (typeof file === 'string' ? 0 : file.size), 0);
  const closed = files.filter(([, file]) => typeof file === 'string').map(([path]) => path);
  return { name, source: { files }, partial: false, closed, files: files.length - closed.length, bytes };
}

export function ofHandle(handle: FileSystemDirectoryHandle): Folder {
  return { name: handle.name, source: handle, partial: true, closed: [], files: null, bytes: null };
}

/** What is to be known of a folder that could not be opened whole; empty where nothing is closed. */
export function unopened({ closed }: Folder): string {
  if (closed.length === 0) return '';
  const named = closed.slice(0, NAMED).map((path) => plain(path, 120));
  const rest = closed.length - named.length;
  return `The browser could not open ${counted(closed.length, 'entry', 'entries')} of it: ${list(rest ? [...named, counted(rest, 'other')] : named)}. No agent can read ${closed.length === 1 ? 'it' : 'them'}.`;
}

/** Every file below `folder`; false if they are too many. In place of what cannot be opened stands the reason, so that the report has it. */
async function walk(folder: FileSystemDirectoryEntry, path: string, into: Listed[], progress: (files: number) => void): Promise<boolean> {
  const reader = folder.createReader();
  const before = into.length;
  const below = (name: string) => (path ? `${path}/${name}` : name);
  let unnamed = 0;
  for (;;) {
    const page = await new Promise<FileSystemEntry[] | string>((resolve) => reader.readEntries(resolve, (error) => resolve(error.message)));
    if (typeof page === 'string') {
      // Half a folder would look like all of it.
      into.length = before;
      into.push([path === '' ? UNNAMED : path, `the folder could not be listed: ${page}`]);
      return true;
    }
    if (page.length === 0) return true;
    // Browsers give no name that is not UTF-8, and nothing leads to what has one.
    const named = page.filter((entry) => entry.name !== '');
    for (const { isDirectory } of page.filter((entry) => entry.name === '')) {
      unnamed += 1;
      into.push([below(unnamed === 1 ? UNNAMED : `${UNNAMED}${unnamed}`), `${isDirectory ? 'a folder' : 'a file'} whose name is not UTF-8, which the browser does not give`]);
    }
    into.push(...await Promise.all(named.filter((entry) => entry.isFile).map((entry) => new Promise<Listed>((resolve) =>
      (entry as FileSystemFileEntry).file((file) => resolve([below(entry.name), file]), (error) => resolve([below(entry.name), error.message]))))));
    progress(into.length);
    if (into.length > MOST_FILES) return false;
    for (const entry of named) {
      if (entry.isDirectory && !(await walk(entry as FileSystemDirectoryEntry, below(entry.name), into, progress))) return false;
    }
  }
}
