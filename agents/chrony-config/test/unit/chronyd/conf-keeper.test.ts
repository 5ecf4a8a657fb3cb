import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { SyscallError } from '@kios/syscall';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ConfKeeper } from '../../../src/edge/chronyd/conf-keeper.ts';

const MINUTE = 60_000;
const { signal } = new AbortController();
const log = createLogger('chrony-config', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

/** A chronyd that reads its configuration when it starts, as it does after each end. */
class FakeChronyd {
  starts = 0;
  runs = '';
  fault: Error | undefined;
  readonly #file: string;
  constructor(file: string) {
    this.#file = file;
  }
  async start(): Promise<void> {
    this.starts++;
    this.runs = await readFile(this.#file, 'utf8');
  }
  readonly tracking = async () => {
    if (this.fault !== undefined) throw this.fault;
    return Promise.resolve({ source: undefined, stratum: 0, offset: 0 });
  };
  readonly shutDown = async (): Promise<void> => {
    if (this.fault !== undefined) throw this.fault;
    await this.start();
  };
}

describe('ConfKeeper', () => {
  let dir: string;
  let file: string;
  let chronyd: FakeChronyd;
  let keeper: ConfKeeper;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-conf-'));
    file = path.join(dir, 'chrony.conf');
    await writeFile(file, 'first\n');
    chronyd = new FakeChronyd(file);
    await chronyd.start();
    keeper = new ConfKeeper({ dir, socket: `${dir}/sock` }, chronyd, log);
  });
  afterEach(() => rm(dir, { recursive: true }));
  const update = (conf: string, now: number) => keeper.update(conf, now, signal);

  it('leaves a chronyd alone that runs with what it should', async () => {
    expect(await update('first\n', 0)).toBeUndefined();
    expect(chronyd.starts).toBe(1);
  });

  it('has chronyd start again at once, and a second time only after ten minutes', async () => {
    expect(await update('second\n', MINUTE)).toBeUndefined();
    expect(chronyd).toMatchObject({ starts: 2, runs: 'second\n' });
    expect(await update('third\n', 2 * MINUTE)).toBe(10 * MINUTE);
    expect(chronyd).toMatchObject({ starts: 2, runs: 'second\n' });
    // What lies there is what chronyd runs with, whichever agent comes next.
    expect(await readFile(file, 'utf8')).toBe('second\n');
    expect(await update('third\n', 12 * MINUTE)).toBeUndefined();
    expect(chronyd).toMatchObject({ starts: 3, runs: 'third\n' });
  });

  it('forgets a change that is taken back in time', async () => {
    await update('second\n', 0);
    await update('third\n', MINUTE);
    expect(await update('second\n', 2 * MINUTE)).toBeUndefined();
    expect(chronyd.starts).toBe(2);
  });

  it.each(['ECONNREFUSED', 'ENOENT'])(
    'writes at once what a chronyd that is down (%s) will read',
    async (errno) => {
      await update('second\n', 0);
      chronyd.fault = new SyscallError('connect', errno, 'connect to sock');
      expect(await update('third\n', MINUTE)).toBeUndefined();
      expect(await readFile(file, 'utf8')).toBe('third\n');
      expect(chronyd.starts).toBe(2);
    },
  );

  it('does not end a chronyd that was started with another file', async () => {
    await rm(file);
    expect(await update('second\n', 0)).toBeUndefined();
    expect(await readFile(file, 'utf8')).toBe('second\n');
    expect(chronyd.starts).toBe(1);
  });

  it('does not take a chronyd that is slow to reply for one that is down', async () => {
    await update('second\n', 0);
    chronyd.fault = new DOMException('timeout', 'TimeoutError');
    expect(await update('third\n', MINUTE)).toBe(10 * MINUTE);
    expect(await readFile(file, 'utf8')).toBe('second\n');
  });
});
