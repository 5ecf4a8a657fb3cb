import { readFileSync } from 'node:fs';

import { workstationArch } from '../../workstation/arch.ts';

/** The bit of CAP_SYS_RESOURCE (linux/capability.h), which a container may keep from root. */
const SYS_RESOURCE = 1n << 24n;

const mayGrow = (): boolean => {
  const bounds = /^CapBnd:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${bounds}`) & SYS_RESOURCE) !== 0n;
};

/** Tests that CI may skip, by their full name, and why. Any other skipped test counts there as failed. */
const ACCEPTED: readonly { readonly test: RegExp; readonly why: string; readonly on: boolean }[] = [
  {
    test: /^(?:a raw system call|a program of a few bytes) /,
    why: 'system call numbers and machine code are those of x86-64',
    on: workstationArch() !== 'amd64',
  },
  {
    test: /^with CAP_SYS_RESOURCE alone /,
    why: 'this machine lets nobody grow a file system; os/test/e2e/growth.test.ts does it on a node',
    on: !mayGrow(),
  },
];

/** Returns those of the skipped tests that CI does not accept. */
export const unacceptedSkips = (skipped: readonly string[]): string[] =>
  skipped.filter((name) => !ACCEPTED.some(({ test, on }) => on && test.test(name)));
