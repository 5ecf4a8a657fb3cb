import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { writeAtomic } from '@kios/agent';
import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { formatState, HostState, Lease } from '@kios/node-state';
import type { Lan, Netns, RunningProcess, Wire } from '@kios/testkit';
import * as v from 'valibot';
import { vi } from 'vitest';

const HERE = import.meta.dirname;
const ACQUIRE = ['net_raw', 'net_admin'];
/** The environment that the image sets, without this process's own. */
const ENV = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
  ...RUNTIME_ENV,
};
const RUN = [...ACQUIRE, 'net_bind_service'];

/** Waits until the assertion holds. */
export const eventually = (
  assertion: () => Promise<void> | void,
  timeout = 10_000,
): Promise<void> => vi.waitFor(assertion, { timeout, interval: 50 });

/** The bundle under test. */
let agent = '';

/**
 * Bundles the agent as it ships, for this test file alone, unless `KIOS_DHCP_AGENT` names a bundle: in an emulated
 * guest bundling takes minutes. Returns the cleanup.
 */
export async function buildAgent(): Promise<() => Promise<void>> {
  const built = process.env['KIOS_DHCP_AGENT'];
  if (built !== undefined) {
    agent = built;
    return async () => undefined;
  }
  const { bundleAgent } = await import('@kios/bundle');
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-dhcp-agent-'));
  agent = await bundleAgent(path.resolve(HERE, '../../..'), folder);
  return () => rm(folder, { recursive: true });
}

export { runtimes, shippedRuntime } from '@kios/testkit';

/** The folders of one machine and the agent on it, with exactly the capabilities of its manifest. */
export class Machine {
  readonly netns: Netns;
  readonly folder: string;
  readonly #program: string;
  readonly #shortLeases: boolean;

  private constructor(netns: Netns, folder: string, program: string, shortLeases: boolean) {
    this.netns = netns;
    this.folder = folder;
    this.#program = program;
    this.#shortLeases = shortLeases;
  }

  /** With `shortLeases`, as most tests want them, every lease is taken as it is. Nodes do not do that. */
  static async open(
    netns: Netns,
    program: string = process.execPath,
    shortLeases = true,
  ): Promise<Machine> {
    const folder = await mkdtemp(path.join(netns.folder, 'machine-'));
    return new Machine(netns, folder, program, shortLeases);
  }

  acquire(...flags: string[]): RunningProcess {
    return this.#start('acquire', ACQUIRE, flags);
  }

  run(...flags: string[]): RunningProcess {
    return this.#start('run', RUN, flags);
  }

  /** Starts the agent with other capabilities than its manifest has. */
  startWith(capabilities: readonly string[], verb: string, ...flags: string[]): RunningProcess {
    return this.#start(verb, capabilities, flags);
  }

  /** Starts the agent with `auto`, on a machine whose network cards are these. */
  startAuto(verb: 'acquire' | 'run', cards: readonly string[], ...flags: string[]): RunningProcess {
    const devices = cards.map((card) => `/sys/class/net/${card}/device`);
    // veth ends have no device behind them. The mount is private to this process.
    const script = `mount -t tmpfs cards /sys/class/net && mkdir -p ${devices.join(' ')} && exec "$@"`;
    const command = this.#command(verb, verb === 'run' ? RUN : ACQUIRE, flags);
    return this.netns.start('sh', ['-c', script, 'sh', ...command], ENV);
  }

  /** Starts the agent where the folder that outlives a boot cannot be written to. */
  startOnReadOnlyState(verb: 'acquire' | 'run'): RunningProcess {
    const state = this.stateFile('');
    const script = `mkdir -p ${state} && mount -t tmpfs -o ro state ${state} && exec "$@"`;
    const command = this.#command(verb, verb === 'run' ? RUN : ACQUIRE, ['--interface=eth0']);
    return this.netns.start('sh', ['-c', script, 'sh', ...command], ENV);
  }

  async lease(link = 'eth0'): Promise<Lease> {
    return v.parse(Lease, JSON.parse(await readFile(this.runFile(`${link}.json`), 'utf8')));
  }

  /** Init's file about this machine. */
  get hostFile(): string {
    return path.join(this.folder, 'host.json');
  }

  /** Names the machine, as init does. */
  async name(hostname: string, hostnameSource: HostState['hostnameSource']): Promise<void> {
    const release = { version: '0.1.0', buildTime: '2026-01-01T00:00:00Z' };
    const host = { v: 1, hostname, hostnameSource, ...release, data: 'partition' } as const;
    await writeAtomic(this.hostFile, formatState(HostState, host));
  }

  runFile(name: string): string {
    return path.join(this.folder, 'run', name);
  }

  stateFile(name: string): string {
    return path.join(this.folder, 'state', name);
  }

  #start(verb: string, capabilities: readonly string[], flags: readonly string[]): RunningProcess {
    const [program, ...args] = this.#command(verb, capabilities, ['--interface=eth0', ...flags]);
    return this.netns.start(program, args, ENV);
  }

  #command(
    verb: string,
    capabilities: readonly string[],
    flags: readonly string[],
  ): [program: string, ...args: string[]] {
    const bounding = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    return [
      'setpriv',
      '--no-new-privs',
      `--bounding-set=${bounding}`,
      '--inh-caps=-all',
      this.#program,
      agent,
      verb,
      `--run-dir=${path.join(this.folder, 'run')}`,
      `--state-dir=${path.join(this.folder, 'state')}`,
      `--host-file=${this.hostFile}`,
      ...(this.#shortLeases ? ['--min-lease=0'] : []),
      ...flags,
    ];
  }
}

const Addresses = v.array(
  v.object({
    addr_info: v.array(
      v.looseObject({ family: v.string(), local: v.string(), prefixlen: v.number() }),
    ),
  }),
);

/** IPv4 addresses of the link, as `ip` shows them. */
export async function addressesOf(netns: Netns, link = 'eth0'): Promise<string[]> {
  const links = v.parse(Addresses, await netns.ip('address', 'show', 'dev', link));
  return links
    .flatMap(({ addr_info }) => addr_info)
    .filter(({ family }) => family === 'inet')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

const Links = v.array(v.object({ address: v.string() }));

/** Hardware address of the link. */
export async function macOf(netns: Netns, link = 'eth0'): Promise<string> {
  const [found] = v.parse(Links, await netns.ip('link', 'show', link));
  return found?.address ?? '';
}

const Routes = v.array(
  v.object({ dst: v.string(), gateway: v.optional(v.string()), protocol: v.optional(v.string()) }),
);

/** Routes of the link without the subnet's own: `default via 10.0.0.1`. */
export async function routesOf(netns: Netns): Promise<string[]> {
  const routes = v.parse(Routes, await netns.ip('route', 'show', 'dev', 'eth0'));
  return routes
    .filter(({ protocol }) => protocol !== 'kernel')
    .map(({ dst, gateway }) => (gateway === undefined ? dst : `${dst} via ${gateway}`))
    .toSorted();
}

/** Starts `ip monitor` for the addresses and routes of a namespace. */
export async function monitor(netns: Netns): Promise<RunningProcess> {
  const watching = netns.start('ip', ['monitor', 'address', 'route']);
  const mark = '203.0.113.1/32';
  // A change of our own shows when it listens.
  for (;;) {
    await promisify(execFile)('ip', ['-n', netns.name, 'address', 'replace', mark, 'dev', 'lo']);
    try {
      await watching.expect('203.0.113.1', 200);
      return watching;
    } catch {
      await promisify(execFile)('ip', ['-n', netns.name, 'address', 'delete', mark, 'dev', 'lo']);
    }
  }
}

/** Clears the state that a reboot clears: the kernel's and /run. */
export async function reboot({ client }: Wire | Lan, machine: Machine): Promise<void> {
  await client.exec('ip', 'address', 'flush', 'dev', 'eth0');
  await client.exec('ip', 'link', 'set', 'eth0', 'down');
  await client.exec('rm', '-rf', machine.runFile(''));
}
