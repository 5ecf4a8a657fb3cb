import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { bundleAgent } from '@kios/bundle';
import { ModulesStatus } from '@kios/node-state';
import { Netns, requireRoot, type RunningProcess, shippedRuntime } from '@kios/testkit';
import * as v from 'valibot';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

const AGENT_DIR = path.resolve(import.meta.dirname, '../..');
const SEND = path.resolve(import.meta.dirname, '../support/send-uevents-main.ts');
const RUNTIME = shippedRuntime();
const RELEASE = 'test';
/** The files are no modules, so each load fails: in the real kernel, with the real system call. */
const INDEX = {
  'modules.dep': 'k/hot.ko:\nk/listed.ko:\n',
  'modules.alias': 'alias pci:hot hot\nalias usb:loose loose\n',
};
/** The flood of kinds has 90 MB of text; a daemon must not grow by more than this, in KiB. */
const GROWTH = 32 * 1024;

async function memoryOf({ pid }: RunningProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]);
}

describe("the daemon, on a real kernel's events", { timeout: 120_000 }, () => {
  let bundle: string;
  let netns: Netns;
  beforeAll(async () => {
    bundle = await bundleAgent(AGENT_DIR);
  });
  beforeEach(async (context) => {
    requireRoot(context);
    netns = await Netns.open('modules');
    for (const dir of ['status', 'etc', `lib/${RELEASE}/k`])
      await mkdir(`${netns.folder}/${dir}`, { recursive: true });
    for (const [name, text] of Object.entries(INDEX)) await place(`lib/${RELEASE}/${name}`, text);
    for (const name of ['hot', 'listed']) await place(`lib/${RELEASE}/k/${name}.ko`, name);
  });
  afterEach(async () => {
    await netns?.[Symbol.asyncDispose]();
  });

  const place = async (name: string, text: string): Promise<void> => {
    await writeFile(`${netns.folder}/${name}.tmp`, text);
    await rename(`${netns.folder}/${name}.tmp`, `${netns.folder}/${name}`);
  };
  const flags = (): readonly string[] => {
    const { folder } = netns;
    return [
      `--modules-dir=${folder}/lib`,
      `--kernel=${RELEASE}`,
      `--policy=${folder}/etc/modules.yaml`,
      `--config-dir=${folder}/etc/modprobe.d`,
      `--load-dir=${folder}/etc/modules-load.d`,
      `--status-dir=${folder}/status`,
    ];
  };
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, KIOS_CONSOLE: `${netns.folder}/none` });
  const start = (...args: string[]): RunningProcess =>
    netns.start(RUNTIME, [bundle, 'run', ...flags(), ...args], env());
  /** Sends events, the last again and again until the namespace ends. */
  const send = async (...events: string[]): Promise<void> => {
    await netns.start(process.execPath, [SEND, ...events]).expect('sent');
  };
  const status = async (): Promise<ModulesStatus> =>
    v.parse(
      ModulesStatus,
      JSON.parse(await readFile(`${netns.folder}/status/status.json`, 'utf8')),
    );

  it('loads the driver of a device that appears', async () => {
    const agent = start();
    await agent.expect('"ev":"ready"');
    await send('pci:hot');
    expect(await agent.expect('"ev":"mod.fail"')).toContain('"name":"hot"');
    expect(await agent.stop()).toBe(0);
  });

  /** Runs the daemon until it is ready, and returns its system calls of these names. */
  async function traceOf(calls: string): Promise<string> {
    const trace = `${netns.folder}/trace`;
    const strace = ['-f', '-e', `trace=${calls}`, '-o', trace, RUNTIME, bundle, 'run', ...flags()];
    const agent = netns.start('strace', strace, env());
    await agent.expect('"ev":"ready"', 60_000);
    // strace itself would let go of the agent; it ends with it.
    const holder = await readFile(`${netns.folder}/status/lock`, 'utf8');
    process.kill(Number(/"pid":(\d+)/.exec(holder)?.[1]), 'SIGTERM');
    expect(await agent.exited).toBe(0);
    return readFile(trace, 'utf8');
  }

  it('subscribes to events before its first walk, with a large buffer', async () => {
    const trace = await traceOf('setsockopt,bind,openat');
    const [buffer, bound, walk] = [
      trace.indexOf('SO_RCVBUF, [8388608]'),
      trace.indexOf('sa_family=AF_NETLINK'),
      trace.indexOf('"/sys/bus"'),
    ];
    expect(buffer).toBeGreaterThan(0);
    expect(bound).toBeGreaterThan(buffer);
    expect(walk).toBeGreaterThan(bound);
  });

  it.each([
    ['no load', 'loaded', 0],
    ['a load, so that the count can be trusted', 'absent', 1],
  ])('makes %s by system calls when its modules are %s', async (_, state, count) => {
    const present = (await readdir('/sys/module')).filter((name) => !name.includes('-'));
    const names = state === 'loaded' ? present.slice(0, 5) : ['kios_absent'];
    await place(`lib/${RELEASE}/modules.dep`, names.map((name) => `k/${name}.ko:\n`).join(''));
    await place(`lib/${RELEASE}/k/kios_absent.ko`, 'text');
    const list = names.map((name) => `{ name: ${name} }`).join(', ');
    await place('etc/modules.yaml', `load: [${list}]\n`);
    const made = (await traceOf('finit_module,init_module')).match(/init_module\(/g) ?? [];
    expect(made).toHaveLength(count);
  });

  it('stays through what is no event, or not from the kernel, and says so once', async () => {
    const agent = start();
    await agent.expect('"ev":"ready"');
    await send('malformed*500', 'forged*500', 'huge*50', 'pci:hot');
    await agent.expect('"ev":"mod.fail"');
    const rejected = agent.lines.filter((line) => line.includes('uevent.rejected'));
    const why = rejected.map((line) => /"why":"(\w+)"/.exec(line)?.[1]);
    expect(new Set(why)).toEqual(new Set(['malformed', 'sender']));
    expect(why).toHaveLength(2);
    expect(agent.lines.join('\n')).not.toContain('forged:');
    expect(await agent.stop()).toBe(0);
  });

  it.each(['kinds', 'same'])(
    'bears a flood of %s, and serves what comes after it',
    async (what) => {
      const agent = start();
      await agent.expect('"ev":"ready"');
      await send(`${what}*10000`, 'none');
      const before = await memoryOf(agent);
      await send(`${what}*60000`, 'pci:hot');
      await agent.expect('"ev":"mod.fail"', 60_000);
      expect((await memoryOf(agent)) - before).toBeLessThan(GROWTH);
      expect(await agent.stop()).toBe(0);
    },
  );

  it('bears many changes of the settings', async () => {
    // As many as Debian's kernel has; a loader that is kept with its settings keeps them all.
    const aliases = Array.from({ length: 30_000 }, (_, at) => `alias pci:v${at}d*sv*sd* hot\n`);
    await place(`lib/${RELEASE}/modules.alias`, `${INDEX['modules.alias']}${aliases.join('')}`);
    const agent = start();
    await agent.expect('"ev":"ready"');
    // What is not collected yet is as much again as what is kept, so only the least of many readings tells of growth.
    const leastOver = async (count: number): Promise<number> => {
      let least = Infinity;
      for (let at = 0; at < count; at++) {
        const told = agent.expectNext('"ev":"settings.changed"');
        await place('etc/modules.yaml', `load: [{ name: 'pci:hot' }]\ndeny: [none${at}]\n`);
        await told;
        least = Math.min(least, await memoryOf(agent));
      }
      return least;
    };
    const before = await leastOver(10);
    await leastOver(20);
    expect((await leastOver(10)) - before).toBeLessThan(GROWTH);
    expect(await agent.stop()).toBe(0);
  });

  it('is ready once the awaited link is there, and names it when that takes long', async () => {
    const agent = start('--wait-for=net:hot0', '--timeout=0.2');
    expect(await agent.expect('"ev":"wait.late"')).toContain('["net:hot0"]');
    await agent.expect('"ev":"coldplug.done"');
    expect(agent.lines.join('\n')).not.toContain('"ev":"ready"');
    const ready = agent.expectNext('"ev":"ready"');
    await netns.exec('ip', 'link', 'add', 'hot0', 'type', 'veth', 'peer', 'name', 'hot1');
    await ready;
    await vi.waitFor(async () => expect((await status()).ready).toBe(true), 5000);
  });

  it('waits for a path whose folders do not exist yet', async () => {
    const file = `${netns.folder}/dev/disk/by-uuid/x`;
    const agent = start(`--wait-for=path:${file}`);
    await agent.expect('"ev":"coldplug.done"');
    const ready = agent.expectNext('"ev":"ready"');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '');
    expect(await ready).not.toContain('"err"');
  });

  it('takes settings that arrive while it runs, within seconds', async () => {
    const agent = start();
    await agent.expect('"ev":"ready"');
    const failed = agent.expectNext('"ev":"mod.fail"', 5000);
    const told = agent.expectNext('"ev":"settings.changed"', 5000);
    await place('etc/modules.yaml', 'load: [{ name: listed, params: a=1 }]\n');
    expect(await failed).toContain('"name":"listed"');
    expect(await told).toContain('etc/modules.yaml');
    const denied = agent.expectNext('"ev":"mod.denied"', 5000);
    await place('etc/modules.yaml', 'deny: [hot]\n');
    await agent.expectNext('"ev":"settings.changed"', 5000);
    await send('pci:hot');
    expect(await denied).toContain('deny: hot');
  });
});
