import { spawn } from 'node:child_process';
import path from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { createLogger } from '../src/logger.ts';
import { runAgent } from '../src/run-agent.ts';

const PROGRAM = path.join(import.meta.dirname, 'support/demo-agent.ts');

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  args: readonly string[],
  env: Record<string, string> = {},
  stopOn?: string,
): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, KIOS_CONSOLE: '/nonexistent', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
    // Only once: a process that is already ending has no handlers for a second signal.
    if (!child.killed && stopOn !== undefined && stdout.includes(stopOn)) child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('an agent program', { timeout: 30_000 }, () => {
  it.each([
    [['done'], 0, '"ev":"start"'],
    [['--version'], 0, 'unbundled'],
    [['--help'], 0, 'Fails with an expected error'],
    [['expected'], 69, '"code":"KIOS_DEMO"'],
    [['unexpected'], 70, '"ev":"crash"'],
    [['background'], 70, '"ev":"crash"'],
    [[], 64, 'read the command line: a verb is missing'],
    [['done', '--zork'], 64, 'zork'],
    [['zork'], 64, 'zork'],
    [['done', '--level=high'], 64, 'use --level: it is not a number'],
  ])('given %j ends with %i and prints %s', async (args, code, text) => {
    const ended = await run(args);
    expect(ended).toMatchObject({ code, stderr: '' });
    expect(ended.stdout).toContain(text);
  });

  it('takes flags from its own environment variables only', async () => {
    const { stdout } = await run(['done'], { KIOS_DEMO_AGENT_LEVEL: '7', KIOS_OTHER: '1' });
    expect(JSON.parse(stdout)).toMatchObject({ args: { level: 7, check: false, dryRun: false } });
  });

  it('returns memory when it is at rest', async () => {
    vi.useFakeTimers();
    const shrink = vi.fn<() => void>();
    vi.stubGlobal('Bun', { shrink });
    const end = Promise.withResolvers<void>();
    const running = runAgent(() => end.promise, createLogger('demo'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(shrink).toHaveBeenCalledOnce();
    end.resolve();
    vi.useRealTimers();
    expect(await running).toBe(0);
  });

  it('ends with 0 when told to stop', async () => {
    const ended = await run(['forever'], {}, '"ev":"start"');
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stdout).toContain('"ev":"stop"');
  });

  it('ends within a second when its code ignores the signal', async () => {
    const started = performance.now();
    expect(await run(['deaf'], {}, '"ev":"start"')).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
