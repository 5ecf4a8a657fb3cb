import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

// The module reads the state folder once, when it is loaded.
const state = vi.hoisted(() => {
  const dir = process.env['TMPDIR'] ?? '/tmp';
  return { dir: `${dir}/kios-daemon-${process.pid}` };
});
vi.mock(import('../../../../src/workstation/paths.ts'), async (original) => ({
  ...(await original()),
  stateDir: state.dir,
}));

const { daemonState, logOf, startDaemon, stopDaemon, tailOfLog, waitUntil } =
  await import('../../../../src/lab/controlplane/daemon.ts');
const { layout } = await import('../../../../src/lab/controlplane/layout.ts');

const never = () => Promise.resolve(false);
const sleeper = { name: 'sleeper', command: ['sleep', '60'] };
const pidOf = async (name: string): Promise<number> => {
  const found = await daemonState(name);
  return found.state === 'stopped' ? 0 : found.pid;
};

afterEach(() => stopDaemon('sleeper'));
afterAll(() => rm(state.dir, { recursive: true, force: true }));

describe('a daemon', () => {
  it('runs until it is stopped, and can be stopped twice', async () => {
    await startDaemon(sleeper);
    expect(await daemonState('sleeper')).toMatchObject({ state: 'running' });
    await stopDaemon('sleeper');
    await stopDaemon('sleeper');
    expect(await daemonState('sleeper')).toEqual({ state: 'stopped' });
  });

  it('keeps running when started again, and is replaced when its command changed', async () => {
    await startDaemon(sleeper);
    const first = await pidOf('sleeper');
    await startDaemon(sleeper);
    expect(await pidOf('sleeper')).toBe(first);
    await startDaemon({ name: 'sleeper', command: ['sleep', '61'] });
    expect(await pidOf('sleeper')).not.toBe(first);
  });

  it('is dead after a kill, even when another process has its number', async () => {
    await startDaemon(sleeper);
    const pid = await pidOf('sleeper');
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect((await daemonState('sleeper')).state).toBe('dead'));
    const record = path.join(layout.run, 'sleeper.json');
    const text = (await readFile(record, 'utf8')).replace(`"pid":${pid}`, `"pid":${process.pid}`);
    await writeFile(record, text);
    expect(await daemonState('sleeper')).toEqual({ state: 'dead', pid: process.pid });
  });

  it('reports the end of its log when it ends by itself', async () => {
    const command = ['sh', '-c', 'echo bad flag >&2; exit 3'];
    const waiting = startDaemon({ name: 'sleeper', command }).then(() =>
      waitUntil(['sleeper'], never, 'it', 5000),
    );
    await expect(waiting).rejects.toThrow(/keep sleeper running: it ended.*\nbad flag$/u);
    await expect(waiting).rejects.toMatchObject({ code: 'KIOS_CP_ENDED' });
  });

  it('ends the wait at the deadline when it never gets ready', async () => {
    await startDaemon(sleeper);
    await expect(waitUntil(['sleeper'], never, 'it', 300)).rejects.toMatchObject({
      code: 'KIOS_CP_TIMEOUT',
    });
  });

  it('fails to start when its program is missing', async () => {
    const command = [path.join(mkdtempSync(path.join(tmpdir(), 'kios-')), 'none')];
    await expect(startDaemon({ name: 'sleeper', command })).rejects.toMatchObject({
      code: 'KIOS_CP_START',
    });
  });

  it('shows only the last lines of a long log', async () => {
    await startDaemon(sleeper);
    await writeFile(
      logOf('sleeper'),
      `${'x'.repeat(70_000)}\n${Array.from({ length: 30 }, (_, n) => `line ${n}`).join('\n')}\n`,
    );
    const lines = (await tailOfLog('sleeper')).split('\n');
    expect(lines).toHaveLength(8);
    expect(lines.at(-1)).toBe('line 29');
  });
});
