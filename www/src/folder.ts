/**
 * A folder of the person's, by drop or by choice, as something that can be mounted.
 *
 * Where the browser hands out a folder as a handle, the agents read through it as they go; where it does not, the
 * files that were chosen are the folder. Nothing is read here but names.
 */

import type { MountSource } from './kernel';

export interface Folder {
  name: string;
  source: MountSource;
  /** null where only the handle knows. */
  files: number | null;
  bytes: number | null;
}

/** A person closed the chooser. */
export class Cancelled extends Error {}

export async function dropped(data: DataTransfer): Promise<Folder> {
  const items = [...data.items].filter((item) => item.kind === 'file');
  // Both have to be asked for before the first await: the list is emptied when the event is over.
  const handles = items.map((item) => item.getAsFileSystemHandle?.() ?? null);
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const loose = [...data.files];
  if (items.length === 1 && handles[0]) {
    const handle = await handles[0].catch(() => null);
    if (handle?.kind === 'directory') return ofHandle(handle as FileSystemDirectoryHandle);
  }
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (entries.length === 1 && folders[0]) {
    const root = folders[0] as FileSystemDirectoryEntry;
    const files: [string, File][] = [];
    await walk(root, '', files);
    return ofFiles(root.name, files);
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

export function ofFiles(name: string, files: [string, File][]): Folder {
  return { name, source: { files }, files: files.length, bytes: files.reduce((sum, [, file]) => sum + file.size, 0) };
}

function ofHandle(handle: FileSystemDirectoryHandle): Folder {
  return { name: handle.name, source: handle, files: null, bytes: null };
}

async function walk(folder: FileSystemDirectoryEntry, path: string, into: [string, File][]): Promise<void> {
  const reader = folder.createReader();
  for (;;) {
    const page = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (page.length === 0) return;
    for (const entry of page) {
      const below = path ? `${path}/${entry.name}` : entry.name;
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, below, into);
      else {
        const file = await new Promise<File | null>((resolve) =>
          (entry as FileSystemFileEntry).file(resolve, () => resolve(null)));
        // What cannot be opened is left out, as a folder that is chosen leaves it out.
        if (file) into.push([below, file]);
      }
    }
  }
}
