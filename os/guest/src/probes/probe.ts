import { readFileSync } from 'node:fs';

/** The host's root in the pod. */
export const HOST = '/host';
/** Folder for the pod's own files. */
export const SCRATCH = '/tmp';

/** Attempts by name. Each undoes its effect, and is harmless even when the kernel allows it. */
export type Probes = Readonly<Record<string, () => string | void>>;

export const MS = { readOnly: 1, noExec: 8, remount: 32, bind: 4096 } as const;
export const CLONE = { newMount: 0x20000, files: 0x400, fs: 0x200, newUser: 0x10000000, newNet: 0x40000000 } as const; // prettier-ignore

export const textOf = (file: string): string => readFileSync(file, 'utf8').trim();
