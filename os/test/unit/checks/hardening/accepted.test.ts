import { describe, expect, it } from 'vitest';

import {
  compareFailures,
  parseAccepted,
  readAccepted,
} from '../../../../src/checks/hardening/accepted.ts';
import { type Check, parseChecks } from '../../../../src/checks/hardening/checker.ts';

const check = (option: string, passed: boolean): Check => ({
  type: 'kconfig',
  option,
  desired: 'y',
  result: passed ? 'OK' : 'FAIL: "is not set"',
  passed,
});

/** A check as the checker prints it. */
const line = (option: string, decision: string): unknown => ({
  option_name: option,
  type: 'sysctl',
  decision,
  desired_val: '1',
  check_result: 'OK',
  check_result_bool: true,
});

const accepted = (option: string) => ({
  option,
  type: 'kconfig' as const,
  reason: 'a reason that is long enough',
});

describe('the accepted failures', () => {
  it('differ in nothing when they are those that fail', () => {
    const checks = [check('A', false), check('B', true)];
    expect(compareFailures(checks, [accepted('A')])).toEqual({ unknown: [], gone: [] });
  });

  it('leave out one that fails', () => {
    const { unknown } = compareFailures([check('A', false)], []);
    expect(unknown).toEqual(['kconfig A: wanted y, FAIL: "is not set"']);
  });

  it('name one that does not fail any more, or is not checked', () => {
    const { gone } = compareFailures([check('A', true)], [accepted('A'), accepted('B')]);
    expect(gone).toEqual(['kconfig A', 'kconfig B']);
  });

  it('tell apart an option and a word of the command line', () => {
    const word = { ...accepted('A'), type: 'cmdline' as const };
    expect(compareFailures([check('A', false)], [word]).unknown).toHaveLength(1);
  });

  it('each have a reason', () => {
    expect(() => parseAccepted('[{option: A, type: kconfig, reason: why}]')).toThrow(/length/);
  });

  it('are each there once', async () => {
    const names = (await readAccepted()).map(({ type, option }) => `${type} ${option}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the checker’s answer', () => {
  it('is read without what others than KSPP and the kernel recommend', () => {
    const output = `[+] a note\n${JSON.stringify([line('A', 'kspp'), line('B', 'grsec')])}\n`;
    expect(parseChecks(output).map(({ option }) => option)).toEqual(['A']);
  });
});
