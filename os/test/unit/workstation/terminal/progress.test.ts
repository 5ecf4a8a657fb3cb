import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { formatDuration } from '../../../../src/workstation/terminal/duration.ts';
import { progressOn, type Screen } from '../../../../src/workstation/terminal/progress.ts';
import { formatRate } from '../../../../src/workstation/terminal/rate.ts';
import { formatTable } from '../../../../src/workstation/terminal/table.ts';

// The tests may run on a terminal that cannot move its cursor.
beforeEach(() => vi.stubEnv('TERM', 'xterm'));
afterEach(() => vi.unstubAllEnvs());

const screen = (more: Partial<Screen> = {}): Screen & { text: string } => ({
  text: '',
  write(text: string) {
    this.text += text;
  },
  ...more,
});

describe('progress in a log', () => {
  it('prints a line at start and end, and at most one note in ten seconds', async () => {
    let now = 0;
    const out = screen();
    await progressOn(out, () => now).task('build', async (note) => {
      for (now = 1000; now <= 25_000; now += 1000) note(`step ${now}`);
      now = 25_000;
    });
    expect(out.text.split('\n')).toEqual([
      'build …',
      'build: step 10000 (10.0 s)',
      'build: step 20000 (20.0 s)',
      'build: done, 25.0 s',
      '',
    ]);
  });

  it('reports a failed task and rethrows the failure', async () => {
    const out = screen();
    const work = progressOn(out, () => 0).task('boot', () => Promise.reject(new Error('no')));
    await expect(work).rejects.toThrow('no');
    expect(out.text).toContain('boot: failed');
  });
});

describe('progress on a terminal', () => {
  it('never wraps its line', async () => {
    const out = screen({ isTTY: true, columns: 20 });
    await progressOn(out).task('build', async (note) => {
      note(`\u001B[31m${'x'.repeat(100)}\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    });
    const drawn = out.text.split('\r\u001B[2K').filter((part) => !part.includes('\n'));
    expect(drawn.length).toBeGreaterThan(1);
    for (const part of drawn) expect(part.length).toBeLessThan(20);
  });

  it('has room in 80 columns for the longest line of flash', async () => {
    vi.useFakeTimers();
    try {
      const out = screen({ isTTY: true, columns: 80 });
      const detail = formatRate(16e9, 31.9e9, 25 * 60_000);
      await progressOn(out).task('read back from /dev/mmcblk0', async (note) => {
        note(detail);
        await vi.advanceTimersByTimeAsync(25 * 60_000);
      });
      expect(out.text).toContain(`  25 min 00 s  ${detail}`);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves one line behind for a finished task', async () => {
    const out = screen({ isTTY: true });
    await progressOn(out).task('build', async () => {});
    expect(out.text).toMatch(/✓ build {2}0\.0 s\n$/);
  });
});

it.each([
  [0, '0.0 s'],
  [12_340, '12.3 s'],
  [99_960, '1 min 40 s'],
  [245_000, '4 min 05 s'],
])('%i ms read %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it('tables align their columns and do not end in blanks', () => {
  expect(
    formatTable([
      ['a', 'long'],
      ['wide', ''],
    ]),
  ).toEqual(['a     long', 'wide']);
});
