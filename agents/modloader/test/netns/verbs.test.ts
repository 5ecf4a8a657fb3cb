import { mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { bundleAgent } from '@kios/bundle';
import { Netns, requireRoot, type RunningProcess, shippedRuntime } from '@kios/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const AGENT_DIR = path.resolve(import.meta.dirname, '../..');
const RUNTIME = shippedRuntime();
/** Node waits for its threads at the end. */
const isShipped = process.env['KIOS_BUN'] !== undefined;

describe('a command that loads and ends', { timeout: 60_000 }, () => {
  let bundle: string;
  let netns: Netns;
  let env: NodeJS.ProcessEnv;
  let flags: readonly string[];
  beforeAll(async () => {
    bundle = await bundleAgent(AGENT_DIR);
  });
  beforeEach(async (context) => {
    requireRoot(context);
    netns = await Netns.open('verbs');
    const { folder } = netns;
    await mkdir(`${folder}/lib/test/k`, { recursive: true });
    await writeFile(`${folder}/lib/test/modules.dep`, 'k/no_module.ko:\nk/no_file.ko:\n');
    await writeFile(`${folder}/lib/test/k/no_module.ko`, 'text');
    env = { ...process.env, KIOS_CONSOLE: `${folder}/none` };
    flags = [`--modules-dir=${folder}/lib`, '--kernel=test', `--policy=${folder}/modules.yaml`];
  });
  afterEach(async () => {
    await netns?.[Symbol.asyncDispose]();
  });
  const start = (verb: string, ...args: string[]): RunningProcess =>
    netns.start(RUNTIME, [bundle, verb, ...flags, ...args], env);

  it('ends with 69 when what it waits for does not come', async () => {
    const agent = start('coldplug', '--wait-for=net:hot0', '--timeout=0.1');
    expect(await agent.exited).toBe(69);
    expect(agent.lines.at(-1)).toContain('find net:hot0 within 0.1 s');
  });

  it.each(['coldplug', 'load'])('ends once what it waits for is there: %s', async (verb) => {
    const agent = start(verb, '--wait-for=net:hot0', '--timeout=50');
    await netns.exec('ip', 'link', 'add', 'hot0', 'type', 'veth', 'peer', 'name', 'hot1');
    expect(await agent.exited).toBe(0);
  });

  it.each([
    ['no_module', 'mod.fail'],
    ['no_file', 'ENOENT'],
  ])('ends with 71 and the cause: %s', async (name, cause) => {
    const agent = start('load', name);
    expect(await agent.exited).toBe(71);
    expect(agent.lines.join('\n')).toContain(cause);
    expect(agent.lines.at(-1)).toContain('KIOS_MODULE_LOAD');
  });

  it.runIf(isShipped)('ends when it is told to, although a load hangs', async () => {
    // Its reader hangs on a thread of the pool as a driver would, until this end is closed.
    const pipe = `${netns.folder}/lib/test/k/hangs.ko.zst`;
    await netns.exec('mkfifo', pipe);
    await writeFile(`${netns.folder}/lib/test/modules.dep`, 'k/hangs.ko.zst:\n');
    const agent = start('load', 'hangs');
    await using writer = await open(pipe, 'w');
    expect(writer.fd).toBeGreaterThan(0);
    expect(await agent.stop()).toBe(0);
    expect(agent.lines.join('\n')).toContain('"ev":"stop"');
  });

  it('ends with 0 when a module that fails is optional', async () => {
    expect(await start('load', '--optional', 'no_module').exited).toBe(0);
  });

  it.each(['coldplug', 'run'])('ends with 71 where /sys shows no devices: %s', async (verb) => {
    // The namespace's programs have mounts of their own, which end with them.
    const script = 'mount -t tmpfs none /sys && exec "$@"';
    const status = verb === 'run' ? [`--status-dir=${netns.folder}`] : [];
    const command = [RUNTIME, bundle, verb, ...flags, ...status];
    const agent = netns.start('sh', ['-c', script, 'sh', ...command], env);
    expect(await agent.exited).toBe(71);
    expect(agent.lines.at(-1)).toContain('KIOS_SYSFS');
  });
});
