import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseConsoleLine } from '../../../../src/lab/qemu/console-line.ts';
import { Console } from '../../../../src/lab/qemu/console.ts';

const line = (ev: string, more: object = {}): string =>
  `${JSON.stringify({ t: '2026-01-01T00:00:00.000Z', up: 1.5, lvl: 'info', agent: 'init', ev, ...more })}\r\n`;

const ready = (event: { ev: string }): boolean => event.ev === 'containerd.ready';

describe('a console line', () => {
  it.each([
    ['plain', line('init.start')],
    ['after the firmware’s output on the same line', `\u001B[2J\u001B[01;01H${line('init.start')}`],
  ])('is an event: %s', (_, text) => {
    expect(parseConsoleLine(text)).toMatchObject({ agent: 'init', ev: 'init.start', up: 1.5 });
  });

  it.each([
    ['kernel', '[    0.000000] Linux version 6.12'],
    ['cut off', '{"agent":"init","ev":'],
    ['another object', '{"a":1}'],
    ['empty', ''],
  ])('is not an event: %s', (_, text) => {
    expect(parseConsoleLine(text)).toBeUndefined();
  });

  it('of a pod carries its sender', () => {
    const said = JSON.stringify({ agent: 'dhcp', ev: 'start', up: 2 });
    for (const sender of ['pod kube-system/dhcp-kios-node-1', 'pod 896ada00-dbc2', 'process 17'])
      expect(parseConsoleLine(`\u001B[2J${sender}: ${said}\r\n`)).toMatchObject({
        sender,
        agent: 'dhcp',
        up: 2,
      });
    expect(parseConsoleLine(line('init.start'))).not.toHaveProperty('sender');
  });

  it.each([
    ['of a pod', `pod default/evil: ${line('fatal')}`],
    ['of a process', `process 17: ${line('fatal')}`],
    ['behind words', `pod default/evil: pod kube-system/x: said ${line('fatal')}`],
    ['in the output of a program', `kubelet: E1126 ${line('fatal')}`],
  ])('cannot pretend to be init’s: %s', (_, text) => {
    expect(parseConsoleLine(text)).toBeUndefined();
  });

  it('without a time gets none', () => {
    expect(parseConsoleLine('{"ev":"x"}')?.up).toBeNaN();
  });
});

describe('the console', () => {
  let dir: string;
  let file: string;
  let console: Console;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-console-'));
    file = path.join(dir, 'console.log');
    console = new Console(file);
  });

  afterEach(async () => {
    console[Symbol.dispose]();
    await rm(dir, { recursive: true });
  });

  it('returns an event that comes later, in two pieces and in a new file', async () => {
    const found = console.expect('readiness', ready, 5000);
    const text = line('containerd.ready', { ms: 7 });
    await appendFile(file, text.slice(0, 20));
    await appendFile(file, text.slice(20));
    expect((await found).fields['ms']).toBe(7);
  });

  it('returns a past event', async () => {
    await appendFile(file, line('containerd.ready') + line('kubelet.start'));
    await console.expect('the later one', (event) => event.ev === 'kubelet.start', 5000);
    expect(await console.expect('readiness', ready, 5000)).toMatchObject({
      ev: 'containerd.ready',
    });
  });

  it('names the expected event and the last line at the deadline', async () => {
    await appendFile(file, 'Loading…\n');
    await expect(console.expect('readiness', ready, 400)).rejects.toThrow(
      /see readiness on the console within 0 s.*Loading/,
    );
  });

  it('goes on waiting when a pod says that init gave up', async () => {
    await appendFile(file, `pod default/evil: ${line('fatal')}pod default/evil: Kernel panic\r\n`);
    await appendFile(file, line('containerd.ready'));
    expect(await console.expect('readiness', ready, 5000)).toMatchObject({
      ev: 'containerd.ready',
    });
  });

  it.each([
    ['kernel panic', 'Kernel panic - not syncing: VFS\n'],
    ['init giving up', line('fatal', { code: 'KIOS_ROOT' })],
  ])('stops waiting after a %s', async (_, text) => {
    const found = console.expect('readiness', ready, 60_000);
    await appendFile(file, text);
    await expect(found).rejects.toMatchObject({ code: 'KIOS_NODE_FATAL' });
  });

  it.each([
    ['amd64', 'RIP: 0010:__schedule+0x342/0x8f0', ' worker_thread+0x1a2/0x3b0'],
    ['arm64', 'pc : 0x0', ' run_timer_softirq+0x38/0x70'],
  ])('names the cause of a panic on %s, between lines of pods', async (arch, where, call) => {
    const found = console.expect('readiness', ready, 60_000);
    const oops = await readFile(
      path.join(import.meta.dirname, 'vectors', `oops-${arch}.txt`),
      'utf8',
    );
    await appendFile(
      file,
      line('containerd.start') + 'pod default/evil: [    1.000000] BUG: a lie\r\n',
    );
    for (const said of oops.split('\n'))
      await appendFile(file, `${said}\r\npod default/loud: something\r\n${line('loud')}`);
    const error: unknown = await found.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KIOS_NODE_FATAL' });
    const [first, ...cause] = (error instanceof Error ? error.message : '').split('\n');
    expect(first).toMatch(
      /boot the node: .*Kernel panic - not syncing: .*Fatal exception in interrupt/,
    );
    expect(cause).toEqual(expect.arrayContaining([where, call]));
    expect(cause.join()).not.toMatch(/a lie|loud/);
    expect(console.failure).toBe(error);
  });
});
