import { SYSTEMS, systemPrefix } from '@kios/host-api/board-slots';

/** Names on the first partition of a board without UEFI: docs/boot-slots.md. A system's files are written once. */
export { SYSTEMS };
export const CONFIG = 'config.txt';

/** Folder of a system. */
export const systemOf = (generation: number): string => systemPrefix(generation).slice(0, -1);

/** The files of a system without which the loader, or the kernel, starts nothing. */
export const KERNEL = 'kernel8.img';
/** It has the root and the time of its build, so that its digest tells systems apart. */
export const INITRAMFS = 'initramfs8';
export const COMMAND_LINE = 'cmdline.txt';
export const MODULES = 'modules.erofs';

/** Reads the number of a folder of a system; undefined for another name. */
export const parseSystem = (name: string): number | undefined =>
  /^(?!0000)\d{4}$/.test(name) ? Number(name) : undefined;

/** Stands in a kernel command line before the words of people. */
const ADDED = 'kios.added';

/** Returns the command line of a new system with the words that people have added to that of the running one. */
export function withWordsOf(running: string, built: string): string {
  const words = running.trim().split(/\s+/);
  const added = words.includes(ADDED) ? words.slice(words.indexOf(ADDED) + 1) : [];
  return `${[built.trim(), ...added].join(' ')}\n`;
}
