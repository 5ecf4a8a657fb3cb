import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { Lease } from '@kios/node-state';
import type { Netns, RunningProcess } from '@kios/testkit';
import * as v from 'valibot';

const HERE = import.meta.dirname;
const AGENT = path.resolve(HERE, '../../dist/agent.cjs');
const ACQUIRE = ['net_raw', 'net_admin'];
const RUN = [...ACQUIRE, 'net_bind_service'];

/** Bundles the agent as it ships. */
export async function buildAgent(): Promise<void> {
  const { bundleAgent } = await import('@kios/bundle');
  await bundleAgent(path.resolve(HERE, '../..'));
}

/** The runtimes the bundle must run under: this Node, and the image's Bun where KIOS_BUN names it. */
export function runtimes(): { name: string; program: string }[] {
  const bun = process.env['KIOS_BUN'];
  const node = { name: 'node', program: process.execPath };
  return bun === undefined ? [node] : [node, { name: 'bun', program: bun }];
}

/** The folders of one machine and the agent on it, with exactly the capabilities its manifest gives. */
export class Machine {
  readonly netns: Netns;
  readonly folder: string;
  readonly #program: string;

  private constructor(netns: Netns, folder: string, program: string) {
    this.netns = netns;
    this.folder = folder;
    this.#program = program;
  }

  static async open(netns: Netns, program: string = process.execPath): Promise<Machine> {
    return new Machine(netns, await mkdtemp(path.join(netns.folder, 'machine-')), program);
  }

  acquire(...flags: string[]): RunningProcess {
    return this.#start('acquire', ACQUIRE, flags);
  }

  run(...flags: string[]): RunningProcess {
    return this.#start('run', RUN, flags);
  }

  /** The agent with other capabilities than it should have. */
  startWith(capabilities: readonly string[], verb: string, ...flags: string[]): RunningProcess {
    return this.#start(verb, capabilities, flags);
  }

  async lease(): Promise<Lease> {
    return v.parse(Lease, JSON.parse(await readFile(this.runFile('eth0.json'), 'utf8')));
  }

  runFile(name: string): string {
    return path.join(this.folder, 'run', name);
  }

  stateFile(name: string): string {
    return path.join(this.folder, 'state', name);
  }

  #start(verb: string, capabilities: readonly string[], flags: readonly string[]): RunningProcess {
    const bounding = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    return this.netns.start('setpriv', [
      '--no-new-privs',
      `--bounding-set=${bounding}`,
      '--inh-caps=-all',
      this.#program,
      AGENT,
      verb,
      '--interface=eth0',
      `--run-dir=${path.join(this.folder, 'run')}`,
      `--state-dir=${path.join(this.folder, 'state')}`,
      ...flags,
    ]);
  }
}

const Addresses = v.array(
  v.object({
    addr_info: v.array(
      v.looseObject({ family: v.string(), local: v.string(), prefixlen: v.number() }),
    ),
  }),
);

/** IPv4 addresses of the link, as `ip` tells them. */
export async function addressesOf(netns: Netns): Promise<string[]> {
  const links = v.parse(Addresses, await netns.ip('address', 'show', 'dev', 'eth0'));
  return links
    .flatMap(({ addr_info }) => addr_info)
    .filter(({ family }) => family === 'inet')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

const Routes = v.array(
  v.object({ dst: v.string(), gateway: v.optional(v.string()), protocol: v.optional(v.string()) }),
);

/** Routes of the link but the subnet's own: `default via 10.0.0.1`. */
export async function routesOf(netns: Netns): Promise<string[]> {
  const routes = v.parse(Routes, await netns.ip('route', 'show', 'dev', 'eth0'));
  return routes
    .filter(({ protocol }) => protocol !== 'kernel')
    .map(({ dst, gateway }) => (gateway === undefined ? dst : `${dst} via ${gateway}`))
    .toSorted();
}

/** What happens to addresses and routes of a namespace, as `ip monitor` tells it. */
export async function monitor(netns: Netns): Promise<RunningProcess> {
  const watching = netns.start('ip', ['monitor', 'address', 'route']);
  const mark = '203.0.113.1/32';
  // A change of our own shows that it listens.
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
