import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { KiosError } from '@kios/errors';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { fitLine, openConsole } from '../src/console-socket.ts';
import { createLogger } from '../src/logger.ts';

const parse = (line: string): Record<string, unknown> =>
  v.parse(v.record(v.string(), v.unknown()), JSON.parse(line));

/** Stands in for init and collects the lines of a connection. */
async function listen(file: string): Promise<{ server: Server; received: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)));
    socket.on('end', () => resolve(text));
  });
  await new Promise<void>((done) => server.listen(file, done));
  return { server, received: promise };
}

describe('createLogger', { timeout: 30_000 }, () => {
  let dir: string;
  let lines: string[];
  const stdout = { write: (line: string) => lines.push(line) };
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-log-'));
    lines = [];
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    return rm(dir, { recursive: true });
  });

  it('writes one object per line with time, boot time, level, agent, event and fields', () => {
    const log = createLogger('dhcp', { stdout });
    log.info({ ev: 'lease.bound', address: '10.0.0.5/24' });
    const line = parse(lines[0] ?? '');
    expect(Object.keys(line)).toEqual(['lvl', 't', 'up', 'agent', 'ev', 'address']);
    expect(line).toMatchObject({ lvl: 'info', agent: 'dhcp', ev: 'lease.bound' });
    expect(line['t']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(line['up']).toBeGreaterThan(0);
    expect(lines[0]).toMatch(/\n$/);
  });

  it.each([
    [undefined, ['info', 'warn']],
    ['debug', ['debug', 'info', 'warn']],
    ['error', []],
    ['loud', ['info', 'warn']],
  ])('with KIOS_LOG_LEVEL=%s writes %j', (level, written) => {
    vi.stubEnv('KIOS_LOG_LEVEL', level);
    const log = createLogger('x', { stdout });
    for (const name of ['debug', 'info', 'warn'] as const) log[name]({ ev: name });
    expect(lines.map((line) => parse(line)['lvl'])).toEqual(written);
  });

  it('writes the event of a line whose fields have no form in JSON', () => {
    const ring: { self?: unknown } = {};
    ring.self = ring;
    const log = createLogger('x', { stdout });
    log.info({ ev: 'ring', ring });
    log.info({ ev: 'big', number: 1n });
    expect(lines.map((line) => parse(line)['ev'])).toEqual(['ring', 'big']);
  });

  it('shows code, remedy and causes of an expected error, without a stack', () => {
    const cause = new KiosError('KIOS_INNER', 'open socket', { remedy: 'grant NET_RAW' });
    createLogger('x', { stdout }).error({
      ev: 'failed',
      err: new KiosError('KIOS_OUTER', 'start', { cause }),
    });
    expect(parse(lines[0] ?? '')['err']).toEqual({
      code: 'KIOS_OUTER',
      message: 'start',
      cause: { code: 'KIOS_INNER', message: 'open socket', remedy: 'grant NET_RAW' },
    });
  });

  it('copies only warnings, errors and lines marked for the console to the console socket', async () => {
    const file = path.join(dir, 'console.sock');
    const { server, received } = await listen(file);
    const log = createLogger('x', { stdout, console: openConsole(file) });
    log.info({ ev: 'quiet' });
    log.info({ ev: 'start', console: true });
    log.warn({ ev: 'careful' });
    await log.close();
    const shown = (await received)
      .trimEnd()
      .split('\n')
      .map((line) => parse(line)['ev']);
    expect(shown).toEqual(['start', 'careful']);
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toContain('"console"');
    server.close();
  });

  it('sends the lines of a running program over one connection that stays open', async () => {
    const file = path.join(dir, 'console.sock');
    let connections = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      connections += 1;
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
        if (text.includes('third')) resolve();
      });
    });
    await new Promise<void>((done) => server.listen(file, done));
    const console = openConsole(file);
    console.send('{"ev":"first"}');
    const log = createLogger('x', { stdout, console });
    log.warn({ ev: 'second' });
    setTimeout(() => log.warn({ ev: 'third' }), 300);
    await promise;
    expect(connections).toBe(1);
    await log.close();
    server.close();
  });

  it('connects again after init has closed the connection', async () => {
    const file = path.join(dir, 'console.sock');
    const texts: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        texts.push(String(chunk));
        socket.destroy();
      });
    });
    await new Promise<void>((done) => server.listen(file, done));
    const log = createLogger('x', { stdout, console: openConsole(file) });
    await vi.waitFor(() => {
      log.warn({ ev: 'again' });
      expect(texts.length).toBeGreaterThan(1);
    }, 5000);
    await log.close();
    server.close();
  });

  it('works the same without a console', async () => {
    const log = createLogger('x', { stdout, console: openConsole(path.join(dir, 'none.sock')) });
    log.error({ ev: 'bad' });
    log.error({ ev: 'worse' });
    await log.close();
    expect(lines).toHaveLength(2);
  });

  it('does not wait long for a console that never reads', async () => {
    const file = path.join(dir, 'console.sock');
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pause());
    await new Promise<void>((done) => server.listen(file, done));
    const log = createLogger('x', { stdout, console: openConsole(file) });
    for (let at = 0; at < 20_000; at++) log.warn({ ev: 'flood', text: 'x'.repeat(500) });
    const started = performance.now();
    await log.close();
    expect(performance.now() - started).toBeLessThan(5000);
    expect(lines).toHaveLength(20_000);
    server.close();
  });
});

describe('standard output', { timeout: 30_000 }, () => {
  const script = `
    import { createLogger } from '${path.join(import.meta.dirname, '../src/logger.ts')}';
    // Using it makes the pipe non-blocking.
    process.stdout.write('');
    const log = createLogger('x');
    for (let at = 0; at < 300; at++) log.info({ ev: 'flood', at, text: 'x'.repeat(10_000) });
    process.exit(7);
  `;
  const args = ['--input-type=module', '-e', script];
  const env = { ...process.env, KIOS_CONSOLE: '/nonexistent' };

  it('that is full for a while loses no line', async () => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await delay(500);
    let text = '';
    for await (const chunk of child.stdout) text += String(chunk);
    const numbers = text
      .trimEnd()
      .split('\n')
      .map((line) => parse(line)['at']);
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, at) => at));
  });

  it('without a reader does not stop the agent', async () => {
    const code = await new Promise((resolve) => {
      execFile(
        'sh',
        ['-c', '{ "$@"; echo $? >&3; } 3>&2 | true', 'sh', process.execPath, ...args],
        {
          env,
        },
        (_error, _stdout, stderr) => resolve(stderr.trim()),
      );
    });
    expect(code).toBe('7');
  });
});

describe('fitLine', () => {
  it('keeps a long line parseable and within 1024 bytes', () => {
    const err = { code: 'KIOS_X', message: 'ü'.repeat(2000) };
    const line = fitLine(JSON.stringify({ lvl: 'error', agent: 'x', ev: 'failed', err }));
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024);
    expect(parse(line)).toMatchObject({ ev: 'failed', err: { code: 'KIOS_X' }, cut: true });
  });

  it('keeps code, cause and remedy of a fault, shortened', () => {
    const fault = { code: 'KIOS_X', cause: 'run the pod: ü'.padEnd(900, 'ü'), remedy: 'Read it.' };
    const line = fitLine(JSON.stringify({ lvl: 'error', agent: 'x', ev: 'fault', ...fault }));
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024);
    const cause = expect.stringMatching(/^run the pod: ü{100}/) as unknown;
    expect(parse(line)).toMatchObject({ ...fault, cause, cut: true });
    expect(parse(line)).not.toHaveProperty('err');
  });

  it.each(['\u0001', '"', '→', '\u{1F600}'])('fits a line with long texts of %j', (character) => {
    const text = character.repeat(3000);
    const err = { code: 'KIOS_X', message: text, remedy: text };
    const fault = { code: 'KIOS_Y', cause: text, remedy: text, err };
    const line = fitLine(JSON.stringify({ lvl: 'error', agent: 'x', ev: 'failed', ...fault }));
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024);
    expect(parse(line)).toMatchObject({ code: 'KIOS_Y', err: { code: 'KIOS_X' }, cut: true });
  });
});
