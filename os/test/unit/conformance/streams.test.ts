import { describe, expect, it } from 'vitest';

import { runInStreams } from '../../../src/conformance/streams.ts';

const SERIAL = '[sig-apps] Daemon set [Serial] should rollback';
const names = ['a', 'b', 'c', SERIAL, 'd', 'e'];
const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Batches that began, and the means to end one. */
function watched() {
  const running = new Map<string, { end: () => void; fail: (error: Error) => void }>();
  const begun: string[] = [];
  const run = async (batch: readonly string[]): Promise<void> => {
    const key = batch.join(' ');
    begun.push(key);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    running.set(key, { end: resolve, fail: reject });
    await promise;
  };
  return { begun, run, of: (key: string) => running.get(key)! };
}

describe('specs in two streams', () => {
  it('run two batches at a time, and a spec that needs the cluster to itself at the end', async () => {
    const { begun, run, of } = watched();
    const all = runInStreams(names, { streams: 2, batch: 2 }, run);
    expect(begun).toEqual(['a b', 'c d']);
    of('c d').end();
    await flush();
    expect(begun).toEqual(['a b', 'c d', 'e']);
    of('e').end();
    await flush();
    expect(begun).toHaveLength(3);
    of('a b').end();
    await flush();
    expect(begun.at(-1)).toBe(SERIAL);
    of(SERIAL).end();
    await all;
  });

  it('begin nothing more after a failure, and wait for what runs', async () => {
    const { begun, run, of } = watched();
    let ended = false;
    const all = runInStreams(names, { streams: 2, batch: 1 }, run).finally(() => (ended = true));
    of('a').fail(new Error('the cluster is gone'));
    await flush();
    expect(ended).toBe(false);
    of('b').end();
    await expect(all).rejects.toThrow('the cluster is gone');
    expect(begun).toEqual(['a', 'b']);
  });
});

it('one stream runs one batch at a time', async () => {
  let [now, most] = [0, 0];
  const seen: string[] = [];
  await runInStreams(names, { streams: 1, batch: 4 }, async (batch) => {
    now += 1;
    most = Math.max(most, now);
    seen.push(...batch);
    await flush();
    now -= 1;
  });
  expect([most, seen]).toEqual([1, ['a', 'b', 'c', 'd', 'e', SERIAL]]);
});

it('no specs are no batch', async () => {
  let batches = 0;
  await runInStreams([], { streams: 2, batch: 4 }, () => {
    batches += 1;
    return Promise.resolve();
  });
  expect(batches).toBe(0);
});
