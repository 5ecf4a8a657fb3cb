import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Quiet } from '../../src/edge/loading/quiet.ts';

const signal = new AbortController().signal;
let isQuiet: boolean;

async function watch(quiet: Quiet): Promise<void> {
  isQuiet = false;
  await quiet.wait(signal);
  isQuiet = true;
}

describe('quiet', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  it('comes some time after the last load', async () => {
    const quiet = new Quiet(200);
    void watch(quiet);
    await vi.advanceTimersByTimeAsync(150);
    await quiet.during(async () => true);
    await vi.advanceTimersByTimeAsync(199);
    expect(isQuiet).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isQuiet).toBe(true);
  });

  it('is not delayed by work that loads nothing', async () => {
    const quiet = new Quiet(200);
    void watch(quiet);
    for (let at = 0; at < 10; at++) {
      await vi.advanceTimersByTimeAsync(20);
      await quiet.during(async () => false);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(isQuiet).toBe(true);
  });

  it('does not come while something is being loaded', async () => {
    const quiet = new Quiet(200);
    const work = Promise.withResolvers<boolean>();
    const done = quiet.during(async () => work.promise);
    void watch(quiet);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(isQuiet).toBe(false);
    work.resolve(true);
    await done;
    await vi.advanceTimersByTimeAsync(200);
    expect(isQuiet).toBe(true);
  });

  it('rejects when it is stopped', async () => {
    const stop = new AbortController();
    const wait = new Quiet(200).wait(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(wait).rejects.toThrow('stopped');
  });
});
