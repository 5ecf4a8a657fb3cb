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
