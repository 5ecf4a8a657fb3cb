import { readFileSync } from 'node:fs';

/** Where the pod has the host's root. */
export const HOST = '/host';
/** Where the pod puts its own files. */
export const SCRATCH = '/tmp';

/** Attempts by name; each undoes what it did, and what it does would harm nobody if it were allowed. */
export type Probes = Readonly<Record<string, () => string | void>>;

export const MS = { readOnly: 1, noExec: 8, remount: 32, bind: 4096 } as const;
export const CLONE = { newMount: 0x20000, files: 0x400, fs: 0x200, newUser: 0x10000000, newNet: 0x40000000 } as const; // prettier-ignore

export const textOf = (file: string): string => readFileSync(file, 'utf8').trim();
