import { afterAll, describe } from 'vitest';

import {
  changedInputs,
  recordedState,
  recordState,
  stateOfInputs,
} from '../../src/checks/suites/records.ts';

const isCi = process.env['CI'] === 'true';
const isAsked = process.env['KIOS_RUN_RECORDED'] === 'always';

/**
 * Declares a slow suite. It runs by its name, and in CI when one of its inputs differs from those of the recorded run.
 * When all its tests pass, it records the inputs.
 */
export async function describeRecorded(suite: string, tests: () => void): Promise<void> {
  const state = await stateOfInputs(suite);
  const changed = changedInputs(recordedState(suite), state);
  const reason = isCi
    ? 'nothing changed since the recorded run'
    : `slow; \`./kios test e2e ${suite}\` runs it`;
  const runs = isAsked || (isCi && changed.length > 0);
  process.stderr.write(runs ? `${suite}: changed: ${changed.join(', ') || 'nothing'}\n` : `skipped: ${suite}: ${reason}\n`); // prettier-ignore
  describe.skipIf(!runs)(`${suite}:`, () => {
    tests();
    // oxlint-disable-next-line no-empty-pattern -- Vitest takes no other form of a parameter that is not used
    afterAll(async ({}, ran) => {
      const passed = ran.tasks.every((task) => task.result?.state === 'pass');
      if (passed && ran.tasks.length > 0) await recordState(suite, state);
    });
  });
}
