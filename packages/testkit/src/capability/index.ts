import { readFileSync } from 'node:fs';

/** The number of CAP_SYS_RESOURCE (linux/capability.h). */
export const SYS_RESOURCE = 24n;

/** Returns whether a program started here can get a capability: a container may keep one from root. */
export function canHave(capability: bigint): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const bounds = /^CapBnd:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${bounds}`) >> capability) & 1n) === 1n;
}
