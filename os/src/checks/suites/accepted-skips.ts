import { canHave, SYS_RESOURCE } from '@kios/testkit/capability';

import { workstationArch } from '../../workstation/arch.ts';

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
    on: !canHave(SYS_RESOURCE),
  },
];

/** Returns those of the skipped tests that CI does not accept. */
export const unacceptedSkips = (skipped: readonly string[]): string[] =>
  skipped.filter((name) => !ACCEPTED.some(({ test, on }) => on && test.test(name)));
