import { getEventListeners } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DirectoryWatch } from '../src/index.ts';

const LONG_MS = 60_000;
const { signal } = new AbortController();

describe('DirectoryWatch', () => {
  let dir: string;
  const change = (file = 'a'): Promise<void> => writeFile(path.join(dir, file), '');
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-watch-'));
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(dir, { recursive: true });
  });

  it('wakes on a change while somebody waits', async () => {
    using changes = new DirectoryWatch([dir]);
    const waiting = changes.wait(LONG_MS, signal);
    await change();
    expect(await waiting).toBe(true);
  });

  it('keeps a change that comes between reading and waiting', async () => {
    using changes = new DirectoryWatch([dir]);
    await change();
    expect(await changes.wait(undefined, signal)).toBe(true);
  });

  it('watches every folder', async () => {
    await mkdir(path.join(dir, 'sub'));
    using changes = new DirectoryWatch([path.join(dir, 'none'), dir, path.join(dir, 'sub')]);
    await change('sub/a');
    expect(await changes.wait(LONG_MS, signal)).toBe(true);
  });

  it('watches one more folder as soon as it is there, once', async () => {
    const sub = path.join(dir, 'sub');
    await mkdir(path.join(dir, 'other'));
    using changes = new DirectoryWatch([path.join(dir, 'other')]);
    changes.include(sub);
    await mkdir(sub);
    for (let times = 0; times < 2; times++) changes.include(sub);
    await change('sub/a');
    expect(await changes.wait(LONG_MS, signal)).toBe(true);
  });

  it('ends by time without a change', async () => {
    using changes = new DirectoryWatch([dir]);
    expect(await changes.wait(1, signal)).toBe(false);
  });

  it('waits for longer than a timer can', async () => {
    using changes = new DirectoryWatch([dir]);
    vi.useFakeTimers();
    const woken = vi.fn<() => void>();
    const waiting = changes.wait(Number.POSITIVE_INFINITY, signal).then(woken);
    await vi.advanceTimersByTimeAsync(7 * 86_400_000);
    expect(woken).not.toHaveBeenCalled();
    await change();
    await waiting;
  });

  it('reports a burst once, when it is over', async () => {
    using changes = new DirectoryWatch([dir], { settleMs: 50 });
    for (let at = 0; at < 5; at++) await change();
    await changes.wait(LONG_MS, signal);
    const stop = AbortSignal.timeout(200);
    await expect(changes.wait(undefined, stop)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('rejects with the reason of the abort, before and while it waits', async () => {
    using changes = new DirectoryWatch([dir]);
    const stop = new AbortController();
    const waiting = changes.wait(LONG_MS, stop.signal);
    const reason = new Error('stop');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await change();
    await expect(changes.wait(LONG_MS, stop.signal)).rejects.toBe(reason);
  });

  it('leaves no listener on the signal', async () => {
    using changes = new DirectoryWatch([dir]);
    const stop = new AbortController();
    for (let at = 0; at < 20; at++) await changes.wait(1, stop.signal);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('fails for a missing folder only when told to', () => {
    const missing = [dir, path.join(dir, 'none')];
    new DirectoryWatch(missing)[Symbol.dispose]();
    expect(() => new DirectoryWatch(missing, { missing: 'fail' })).toThrow('ENOENT');
  });
});
