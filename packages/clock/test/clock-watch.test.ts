import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { ClockWatch } from '../src/index.ts';

/** Takes the place of the kernel's timer: no test sets the clock of the machine. */
const clock = vi.hoisted(() => ({
  set: () => {},
  fail: (error: Error): unknown => error,
  isClosed: false,
}));
vi.mock('@kios/syscall', async (original) => ({
  ...(await original<object>()),
  openClockChanges: () => ({
    changed: () =>
      new Promise<void>((resolve, reject) => {
        clock.set = resolve;
        clock.fail = reject;
      }),
    [Symbol.dispose]: () => {
      clock.isClosed = true;
      clock.fail(new Error('closed'));
    },
  }),
}));

const LONG_MS = 60_000;
const { signal } = new AbortController();
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'kios-clock-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('wakes each time that the clock is set, also before the wait', async () => {
  using watch = new ClockWatch(dir);
  for (let count = 0; count < 3; count++) {
    clock.set();
    await expect(watch.wait(LONG_MS, signal)).resolves.toBeUndefined();
  }
  const waiting = watch.wait(LONG_MS, signal);
  clock.set();
  await expect(waiting).resolves.toBeUndefined();
});

it('wakes when the folder changes, and after its time', async () => {
  using watch = new ClockWatch(dir);
  const waiting = watch.wait(LONG_MS, signal);
  writeFileSync(path.join(dir, 'state.json'), '');
  await expect(waiting).resolves.toBeUndefined();
  using other = new ClockWatch('/nonexistent');
  await expect(other.wait(1, signal)).resolves.toBeUndefined();
});

it('ends with its signal, and with a fault of the timer', async () => {
  using watch = new ClockWatch(dir);
  const stop = new AbortController();
  const waiting = watch.wait(LONG_MS, stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  clock.fail(new Error('broken'));
  await expect(watch.wait(LONG_MS, signal)).rejects.toThrow('broken');
});

it('closes the timer', () => {
  new ClockWatch(dir)[Symbol.dispose]();
  expect(clock.isClosed).toBe(true);
});
