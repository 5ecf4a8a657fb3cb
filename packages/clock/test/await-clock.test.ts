import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { awaitClock, type ClockFault, type ClockWait, type Witnessed } from '../src/index.ts';

const INSANE: ClockFault = { why: 'it says 1970', isSane: false };
const UNSYNCED: ClockFault = { why: 'it is not synchronised', isSane: true };
const { signal } = new AbortController();

let dir = '';
let fault: ClockFault | undefined;
let asked: number;
let seen: Witnessed | undefined;
let said: string[];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'kios-wait-'));
  [fault, asked, seen, said] = [UNSYNCED, 0, undefined, []];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true });
});

const publish = (): void => {
  const state = { v: 1, sane: true, synced: false, since: '' };
  writeFileSync(path.join(dir, 'state.json'), JSON.stringify(state));
};
const becomeGood = (): void => {
  fault = undefined;
  publish();
};
const start = (change: Partial<ClockWait> = {}): Promise<ClockFault | undefined> =>
  awaitClock(
    {
      judge: async () => Promise.resolve(fault),
      stateFile: path.join(dir, 'state.json'),
      ask: async () => {
        asked++;
        return Promise.resolve(seen);
      },
      timeoutMs: 120_000,
      onWait: (why) => said.push(why),
      ...change,
    },
    signal,
  );

describe('a wait for the clock', () => {
  it('is over at once when the clock is good', async () => {
    fault = undefined;
    expect(await start()).toBeUndefined();
    expect(said).toEqual([]);
  });

  it('ends when the clock becomes good, as the file of its state says', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const waiting = start({ onWait: () => setImmediate(becomeGood) });
    expect(await waiting).toBeUndefined();
  });

  it('returns the fault at its deadline', async () => {
    expect(await start({ timeoutMs: 30 })).toEqual(UNSYNCED);
    fault = INSANE;
    expect(await start({ timeoutMs: 0 })).toEqual(INSANE);
  });

  it('ends when its signal comes', async () => {
    const stop = new AbortController();
    const wait: ClockWait = {
      judge: async () => Promise.resolve(fault),
      stateFile: path.join(dir, 'state.json'),
      ask: async () => Promise.resolve(undefined),
      timeoutMs: 120_000,
      onWait: () => stop.abort(new Error('enough')),
    };
    await expect(awaitClock(wait, stop.signal)).rejects.toThrow('enough');
  });
});

/** Lets time pass. No timer is set while the wait reads a file, which a busy machine makes slow: time stands still. */
async function passed(): Promise<boolean> {
  if (vi.getTimerCount() > 0) await vi.advanceTimersByTimeAsync(100);
  await new Promise((resolve) => setImmediate(resolve));
  return false;
}

/** Runs a wait of 45 s on a clock of its own. */
async function longWait(): Promise<ClockFault | undefined> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const waiting = start({ timeoutMs: 45_000 });
  const end = waiting.then(() => true);
  while (!(await Promise.race([end, passed()])));
  return waiting;
}

describe('a clock that no chronyd disciplines', () => {
  it('is good when time servers agree with it', async () => {
    seen = { offsetSeconds: -0.4, servers: ['192.0.2.1'] };
    expect(await longWait()).toBeUndefined();
    expect(asked).toBe(1);
  });

  it('is not good when they agree on another time, and says which servers', async () => {
    seen = { offsetSeconds: 90, servers: ['192.0.2.1', '192.0.2.2'] };
    const why = 'it is off by 90 s, as 192.0.2.1, 192.0.2.2 say';
    expect(await longWait()).toMatchObject({ isSane: true });
    expect(asked).toBe(2);
    expect(said).toContain(why);
  });

  it('is not good when they do not agree, or do not answer', async () => {
    expect(await longWait()).toEqual(UNSYNCED);
    expect(asked).toBe(2);
  });

  it('does not become sane by what they say', async () => {
    fault = INSANE;
    seen = { offsetSeconds: 0, servers: ['192.0.2.1'] };
    expect(await longWait()).toEqual(INSANE);
    expect(asked).toBe(0);
  });

  it('is told from one that chrony-config speaks for', async () => {
    publish();
    seen = { offsetSeconds: 0, servers: ['192.0.2.1'] };
    expect(await longWait()).toEqual(UNSYNCED);
    expect(asked).toBe(0);
  });

  it('reminds every 30 s', async () => {
    await longWait();
    expect(said).toEqual([UNSYNCED.why, UNSYNCED.why]);
  });
});
