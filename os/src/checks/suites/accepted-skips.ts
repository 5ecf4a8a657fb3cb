import { readFileSync } from 'node:fs';

import { canHave, SYS_RESOURCE } from '@kios/testkit/capability';

import { workstationArch } from '../../workstation/arch.ts';
import {
  changedInputs,
  RECORDED_SUITES,
  recordedState,
  stateOfInputs,
  titleOf,
} from './records.ts';

interface Accepted {
  /** Matches the test's full name. */
  readonly test: RegExp;
  readonly why: string;
  readonly on: boolean;
}

/** Says whether a line of a table of the kernel ends with a name. A part that is a module counts once it is loaded. */
const kernelHas = (table: '/proc/filesystems' | '/proc/misc', name: string): boolean =>
  readFileSync(table, 'utf8')
    .split('\n')
    .some((line) => line.trim().split(/\s+/).at(-1) === name);

/** Tests that CI may skip. Any other skipped test counts there as failed. */
const ACCEPTED: readonly Accepted[] = [
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
  {
    test: /init\/internal\/devmapper TestTheKernelDecryptsWhatItEncrypted$/,
    why: 'this kernel has no device mapper; os/test/e2e/encryption.test.ts decrypts on a node',
    on: !kernelHas('/proc/misc', 'device-mapper'),
  },
  {
    test: /init\/internal\/esp Test(?:ThePartitionIsWritableOnlyWhileItIsUsed|AFileThatStaysOpenCostsOnlyPatience|NamesAreMendedOnFAT)$/,
    why: 'this kernel has no FAT; os/test/e2e/slots.test.ts writes to the ESP of a node',
    on: !kernelHas('/proc/filesystems', 'vfat'),
  },
  {
    test: /init\/internal\/tpm TestAPodGetsNoKey$/,
    why: 'it runs in a pod, which os/test/e2e/encryption.test.ts starts',
    on: true,
  },
  {
    test: /init\/internal\/tpm TestQuoteVectors$/,
    why: 'it writes the vectors anew when a person asks for that',
    on: true,
  },
];

/** Accepts a suite that passed with the very inputs of now. */
async function recorded(suite: string): Promise<Accepted> {
  const changed = changedInputs(recordedState(suite), await stateOfInputs(suite));
  return {
    test: new RegExp(`^${titleOf(suite)} `),
    why: 'nothing that it depends on has changed since the recorded run',
    on: changed.length === 0,
  };
}

/** Returns those of the skipped tests that CI does not accept. */
export async function unacceptedSkips(skipped: readonly string[]): Promise<string[]> {
  const suites = RECORDED_SUITES.filter((suite) =>
    skipped.some((name) => name.startsWith(`${titleOf(suite)} `)),
  );
  const accepted = [...ACCEPTED, ...(await Promise.all(suites.map(recorded)))];
  return skipped.filter((name) => !accepted.some(({ test, on }) => on && test.test(name)));
}
