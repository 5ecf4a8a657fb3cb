import { workstationArch } from '../../workstation/arch.ts';

/** Tests that CI may skip, by their full name, and why. Any other skipped test counts there as failed. */
const ACCEPTED: readonly { readonly test: RegExp; readonly why: string; readonly on: boolean }[] = [
  {
    test: /^(?:a raw system call|a program of a few bytes) /,
    why: 'system call numbers and machine code are those of x86-64',
    on: workstationArch() !== 'amd64',
  },
];

/** Returns those of the skipped tests that CI does not accept. */
export const unacceptedSkips = (skipped: readonly string[]): string[] =>
  skipped.filter((name) => !ACCEPTED.some(({ test, on }) => on && test.test(name)));
