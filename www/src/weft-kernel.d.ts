// What the page uses of the package, as the contract of the web host has it. The package's own types take its place.

declare module 'weft-kernel' {
  export interface AppFiles { manifest: string; files: Record<string, Uint8Array> }
  export const App: { fetch(url: string | URL): Promise<AppFiles> };
  export type FolderFiles = { files: [string, File][] };
  export type MountSource = FileSystemDirectoryHandle | FolderFiles | 'opfs';
  export interface Chain {
    head(): Promise<unknown>;
    events(range?: { from?: number; limit?: number }): Promise<unknown>;
    verify(): Promise<unknown>;
    checkpoint(): Promise<unknown>;
    key?(): Promise<unknown>;
  }
  export class Kernel {
    static boot(options: { storage: 'opfs' | 'memory'; environment?: string; name?: string }): Promise<Kernel>;
    profile(): unknown;
    check(app: AppFiles, given?: { allow?: string[]; mounts?: string[] }): Promise<unknown>;
    install(app: AppFiles, given: { allow: string[]; mounts: Record<string, MountSource> }): Promise<void>;
    start(app: string): Promise<unknown>;
    stop(app: string): Promise<unknown>;
    on(event: string, listener: (told: any) => void): unknown;
    processes(): Promise<unknown>;
    summary(): Promise<unknown>;
    kill(pid: number, reason?: string): Promise<unknown>;
    answer(action: number, allow: boolean): Promise<unknown>;
    act(verb: string, resource: string, head?: object, payload?: Uint8Array): Promise<Uint8Array>;
    readFile(mount: string, path: string): Promise<Uint8Array>;
    shutdown(reason?: string): Promise<unknown>;
    mount(name: string, source: MountSource): Promise<void>;
    readonly owner: boolean;
    readonly chain: Chain;
  }
}
