/**
 * What the kernel's worker and the workers of guests say to each other.
 *
 * A guest worker is handed one port and the name of a Web Lock by its first message. All else goes over the port; the
 * worker holds the lock until it is dead, so whoever is granted it has seen the worker's death.
 */

/** The first and only message to the worker itself. */
export interface Birth {
  port: MessagePort;
  lock: string;
}

/** A component made ready here: its glue and its core modules. Made once for each hash, shared by all instances. */
export interface Program {
  /** The ES module that the transpiler made. */
  glue: string;
  /** Core modules by the name that the glue asks for, each with the memory meter built in. */
  modules: Record<string, WebAssembly.Module>;
  /** The names of the core modules that are fuel meters. */
  fuel: string[];
  /** Under which key the glue looks for the kernel's functions; null for a component that needs none. */
  kernel: string | null;
  /** The key of the interface that has `handle`. */
  guest: string;
}

/** An envelope of `weft:guest/types`, as the glue spells it. */
export interface GuestEnvelope {
  id: bigint;
  sender: string;
  target: string;
  kind: string;
  correlation: bigint | undefined;
  deadline: bigint | undefined;
  labels: string[];
  contentType: string;
  body: Uint8Array;
}

/** A refusal of `weft:guest/types`, as the glue spells it. */
export interface GuestRefusal {
  code: string;
  reason: string;
  action: bigint;
  ticket: bigint | undefined;
  detail: Uint8Array;
}

/** How a guest can end from inside; the kinds are those of the kernel. */
export interface GuestFault {
  kind: 'trap' | 'memory' | 'fuel' | 'start';
  /** One sentence for a person; never a stack, never the guest's memory. */
  reason: string;
}

/** From the kernel's worker. */
export type ToGuest =
  | { start: { program: Program; memory: bigint; fuel: bigint; seed: Uint8Array } }
  | { handle: GuestEnvelope; now: bigint }
  | { reply: { ok: Uint8Array } | { refusal: GuestRefusal }; now: bigint };

/**
 * What was used so far: milliseconds of running since the last thing handed over, the peak of memory in bytes, and the fuel
 * of what is over: of starting, or of a message.
 */
export interface GuestUsage {
  ran: number;
  memory: bigint;
  fuel: bigint;
}

/** From a guest's worker. */
export type FromGuest =
  /** Its code is loaded; from here on guest code runs, and time counts. */
  | { running: true }
  | { started: GuestUsage }
  | { act: { verb: string; resource: string; body: Uint8Array }; used: GuestUsage }
  | { log: number; text: string; used: GuestUsage }
  | { handled: { ok: Uint8Array } | { error: string }; used: GuestUsage }
  | { fault: GuestFault; used: GuestUsage };
