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

/** A check in the form that the checker prints. */
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
  it('do not differ from the checks that fail', () => {
    const checks = [check('A', false), check('B', true)];
    expect(compareFailures(checks, [accepted('A')])).toEqual({ unknown: [], gone: [] });
  });

  it('do not include an unknown failure', () => {
    const { unknown } = compareFailures([check('A', false)], []);
    expect(unknown).toEqual(['kconfig A: wanted y, FAIL: "is not set"']);
  });

  it('include one that no longer fails or is not checked', () => {
    const { gone } = compareFailures([check('A', true)], [accepted('A'), accepted('B')]);
    expect(gone).toEqual(['kconfig A', 'kconfig B']);
  });

  it('distinguish an option from a word of the command line', () => {
    const word = { ...accepted('A'), type: 'cmdline' as const };
    expect(compareFailures([check('A', false)], [word]).unknown).toHaveLength(1);
  });

  it('each have a reason', () => {
    expect(() => parseAccepted('[{option: A, type: kconfig, reason: why}]')).toThrow(/length/);
  });

  it('are listed once each', async () => {
    const names = (await readAccepted()).map(({ type, option }) => `${type} ${option}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the checker’s output', () => {
  it('is parsed without recommendations of others than KSPP and the kernel', () => {
    const output = `[+] a note\n${JSON.stringify([line('A', 'kspp'), line('B', 'grsec')])}\n`;
    expect(parseChecks(output).map(({ option }) => option)).toEqual(['A']);
  });
});
