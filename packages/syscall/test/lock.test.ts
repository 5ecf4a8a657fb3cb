import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type Holder, lock, tryLock } from '../src/index.ts';
import { libc } from '../src/libc.ts';

const MODULE = JSON.stringify(path.join(import.meta.dirname, '../src/index.ts'));

let folder: string;
let file: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'kios-lock-'));
  file = path.join(folder, 'lock');
  children = [];
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Starts a process that takes the lock, then runs `work` and stays. */
async function otherHolder(work = ''): Promise<ChildProcess> {
  const code = `
    import { spawn } from 'node:child_process';
    import { tryLock } from ${MODULE};
    globalThis.held = tryLock(${JSON.stringify(file)});
    ${work}
    console.log(held === undefined ? 'refused' : 'held');
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const said: unknown[] = await once(child.stdout, 'data');
  expect(String(said[0]).trim()).toBe('held');
  return child;
}

describe('a lock', { timeout: 20_000 }, () => {
  it('has one holder at a time, within a process too', () => {
    const first = tryLock(file);
    expect(first?.file).toBe(file);
    expect(tryLock(file)).toBeUndefined();
    first?.[Symbol.dispose]();
    using second = tryLock(file);
    expect(second).toBeDefined();
    // A second disposal must not close what has got the descriptor's number since.
    first?.[Symbol.dispose]();
    expect(tryLock(file)).toBeUndefined();
  });

  it('is not released when another descriptor of its file is closed', () => {
    using held = tryLock(file);
    expect(held).toBeDefined();
    closeSync(openSync(file, 'r+'));
    expect(tryLock(file)).toBeUndefined();
  });

  it('is open to its owner alone, because a reader could keep the owner out', () => {
    using held = tryLock(file);
    expect(held).toBeDefined();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is refused while another process holds it, and free once that is killed', async () => {
    const other = await otherHolder();
    expect(tryLock(file)).toBeUndefined();
    const waiting = lock(file);
    other.kill('SIGKILL');
    using held = await waiting;
    expect(held.file).toBe(file);
  });

  it('is not held by a program that the holder started', async () => {
    const work = `
      const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
      (await import('node:fs')).writeFileSync(${JSON.stringify(`${folder}/pid`)}, String(child.pid));`;
    const other = await otherHolder(work);
    const orphan = Number(readFileSync(path.join(folder, 'pid'), 'utf8'));
    other.kill('SIGKILL');
    await once(other, 'exit');
    try {
      expect(process.kill(orphan, 0)).toBe(true);
      using held = tryLock(file);
      expect(held).toBeDefined();
    } finally {
      process.kill(orphan, 'SIGKILL');
    }
  });

  it('names its holder to those who wait, at once and every minute', async () => {
    const other = await otherHolder();
    const seen: (Holder | undefined)[] = [];
    const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
    const waiting = lock(file, { waiting: (holder) => seen.push(holder) });
    expect(seen).toMatchObject([{ pid: other.pid }]);
    expect(Date.parse(seen[0]?.since ?? '')).toBeGreaterThan(Date.now() - 20_000);
    now.mockReturnValue(60_999);
    await delay(400);
    expect(seen).toHaveLength(1);
    now.mockReturnValue(61_000);
    await vi.waitFor(() => expect(seen).toHaveLength(2), 5000);
    expect(seen[1]).toEqual(seen[0]);
    other.kill('SIGKILL');
    (await waiting)[Symbol.dispose]();
  });

  it('says nothing of a holder that has written nothing, or nonsense', async () => {
    using held = tryLock(file);
    expect(held).toBeDefined();
    for (const text of ['', '{"pid":', '{"pid":"1","since":2}', 'x'.repeat(4096)]) {
      writeFileSync(file, text);
      const seen: (Holder | undefined)[] = [];
      const waiting = (holder: Holder | undefined): void => void seen.push(holder);
      const signal = AbortSignal.timeout(20);
      await expect(lock(file, { signal, waiting })).rejects.toThrow('aborted');
      expect(seen).toEqual([undefined]);
    }
  });

  it('stops waiting when aborted', async () => {
    using held = tryLock(file);
    expect(held).toBeDefined();
    const signal = AbortSignal.timeout(50);
    await expect(lock(file, { signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is asked for ever more seldom, not in a busy loop', async () => {
    using held = tryLock(file);
    expect(held).toBeDefined();
    const asked = vi.spyOn(libc, 'fcntl');
    await expect(lock(file, { signal: AbortSignal.timeout(1500) })).rejects.toThrow('aborted');
    // After 0, 50, 150, 350 and 750 ms.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(5);
    expect(asked.mock.calls.length).toBeGreaterThan(1);
  });

  it.each([
    ['a folder that does not exist', 'none/lock', 'ENOENT'],
    ['a folder', '', 'EISDIR'],
  ])('in place of %s is an error that names the file', (_what, name, code) => {
    expect(() => tryLock(path.join(folder, name))).toThrow(
      `lock ${path.join(folder, name)}: open: ${code}`,
    );
  });
});
