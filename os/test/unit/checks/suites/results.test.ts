import { describe, expect, it } from 'vitest';

import {
  add,
  countGo,
  countVitest,
  formatCounts,
  NONE,
} from '../../../../src/checks/suites/results.ts';
import { findScripts } from '../../../../src/checks/suites/workspaces.ts';

const vitest = (counts: object, testResults: readonly object[] = []): string =>
  JSON.stringify({
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults,
    ...counts,
  });

describe('a report of vitest', () => {
  it('is counted', () => {
    const report = vitest({ numPassedTests: 5, numFailedTests: 1, numPendingTests: 2 });
    expect(countVitest(report).counts).toEqual({ passed: 5, failed: 1, skipped: 2 });
  });

  it('names the tests that did not run', () => {
    const tests = ['passed', 'failed', 'skipped', 'pending', 'todo'];
    const assertionResults = tests.map((status) => ({ status, fullName: `one ${status}` }));
    const files = [{ status: 'failed', assertionResults }];
    expect(countVitest(vitest({}, files)).skipped).toEqual([
      'one skipped',
      'one pending',
      'one todo',
    ]);
  });

  it('counts a file that does not load as a failure', () => {
    const files = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'failed' }] },
    ];
    expect(countVitest(vitest({ numFailedTests: 1 }, files)).counts.failed).toBe(2);
  });
});

const event = (Action: string, Test?: string): string =>
  JSON.stringify({ Action, Package: 'p', Test });

describe('the events of go test', () => {
  it('are counted by test', () => {
    const lines = ['run', 'pass'].map((action) => event(action, 'TestA'));
    expect(countGo([...lines, event('skip', 'TestB'), event('pass'), 'noise'])).toEqual({
      counts: { passed: 1, failed: 0, skipped: 1 },
      skipped: ['p TestB'],
    });
  });

  it('count a failed test once and a package that does not compile once', () => {
    expect(countGo([event('fail', 'TestA'), event('fail')]).counts.failed).toBe(1);
    expect(countGo([event('fail')]).counts.failed).toBe(1);
  });
});

it('the last line mentions skipped tests only when there are some', () => {
  const counts = { passed: 3, failed: 0, skipped: 0 };
  expect(formatCounts(add(counts, NONE))).toBe('3 passed, 0 failed');
  expect(formatCounts({ ...counts, skipped: 1 })).toBe('3 passed, 0 failed, 1 skipped');
});

it('finds a script in every workspace that has it', async () => {
  const titles = (await findScripts('test')).map(({ title }) => title);
  expect(titles).toContain('@kios/os test');
  expect(titles).toContain('@kios/init test');
});
