import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { EXIT, KiosError } from '@kios/errors';
import { type Netns, type RunningProcess, startInRoot, type Wire } from '@kios/testkit';
import * as v from 'valibot';

import { AGENT_ENTRYPOINT } from '../build/image/runtime.ts';
import { fetchDhcpPeers } from '../build/sources/debian/dhcp-peers.ts';
import { triplet } from '../build/sources/debian/toolroot.ts';
import { workstationArch } from '../workstation/arch.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { run } from '../workstation/run.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { writeAgentRoot } from './agent-root.ts';
import { debianClients, type DhcpClient, ourClients } from './dhcp-clients.ts';
import { type DhcpNetwork, IPV4, IPV6 } from './dhcp-networks.ts';
import { median, tenths } from './median.ts';

const DEADLINE_MS = 30_000;
/** From its address until a client is at rest: probes and announcements of RFC 5227 take about seven seconds. */
const REST_MS = 9000;
const KIB = 1024;

/** One client in the output of `bench dhcp --json`. */
interface ClientResult {
  readonly client: string;
  /** From exec to the address on the link. */
  readonly medianMs: number;
  readonly fastestMs: number;
  readonly slowestMs: number;
  /** Memory of all its processes, at rest. */
  readonly residentKiB: number;
  /** The part of it that was written to and so is not shared. */
  readonly privateKiB: number;
  /** Frames it sends until it is at rest. */
  readonly packetsSent: number;
  readonly imageKiB: number;
}

interface Run {
  readonly ms: number;
  readonly process: RunningProcess;
}

/** A wire with a server at one end; clients take turns at the other. */
class Bench implements AsyncDisposable {
  readonly #network: DhcpNetwork;
  readonly #wire: Wire;
  readonly #folder: string;
  readonly #changes: RunningProcess;

  private constructor(network: DhcpNetwork, wire: Wire, folder: string, changes: RunningProcess) {
    this.#network = network;
    this.#wire = wire;
    this.#folder = folder;
    this.#changes = changes;
  }

  static async open(network: DhcpNetwork): Promise<Bench> {
    const wire = await network.open();
    const { client } = wire;
    const changes = client.start('ip', ['-ts', 'monitor', 'address', 'dev', 'eth0']);
    const folder = await mkdtemp(path.join(client.folder, 'bench-'));
    return new Bench(network, wire, folder, changes);
  }

  /** Starts the client on a bare link and waits for the address. */
  async start(client: DhcpClient): Promise<Run> {
    const netns = this.#wire.client;
    const shared = path.join(this.#folder, client.name.replaceAll(/\W+/g, '-'));
    const kept = client.knowsLease === true ? 'run' : '';
    await rm(path.join(shared, kept), { recursive: true, force: true });
    await mkdir(shared, { recursive: true });
    if (client.networkFile !== undefined)
      await writeFile(path.join(shared, 'network.yaml'), client.networkFile);
    const options = {
      shared,
      announce: true,
      cards: ['eth0'],
      ...(client.env && { env: client.env }),
    };
    const address = this.#changes.expectNext(this.#network.added, DEADLINE_MS);
    // Without this a failed start would raise an unhandled rejection.
    address.catch(() => {});
    const process = await startInRoot(netns, client.root, client.command, options);
    const entered = Number((await process.expect('entering')).split(' ')[1]) * 1000;
    return { ms: stampOf(await address) - entered, process };
  }

  /** Ends the client and removes all addresses from the link. */
  async stop(process: RunningProcess): Promise<void> {
    await process.stop('SIGKILL');
    const { client } = this.#wire;
    const left = (await pidsOf(client, [this.#changes.pid])).map(String);
    // Some have exited by now.
    await client.exec('sh', '-c', 'kill -9 "$@" 2>/dev/null || true', 'sh', ...left);
    await this.#network.clean(client);
  }

  async packetsSent(): Promise<number> {
    const links = v.parse(Links, await this.#wire.client.ip('-s', 'link', 'show', 'eth0'));
    return links[0]?.stats64.tx.packets ?? 0;
  }

  async memory(): Promise<Pick<ClientResult, 'residentKiB' | 'privateKiB'>> {
    const pids = await pidsOf(this.#wire.client, [this.#changes.pid]);
    const maps = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, 'utf8')),
    );
    const sum = (field: string): number =>
      maps.reduce((total, text) => total + sizeIn(text, field), 0);
    return { residentKiB: sum('Rss'), privateKiB: sum('Private_Dirty') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }
}

const Links = v.array(v.object({ stats64: v.object({ tx: v.object({ packets: v.number() }) }) }));

const sizeIn = (text: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);

/** Returns the time before a line of `ip -ts`, in milliseconds; the line has local time in microseconds. */
function stampOf(line: string): number {
  const [, second = '', fraction = '0'] = /^\[([^.\]]+)\.(\d+)\]/.exec(line) ?? [];
  return Date.parse(second) + Number(`0.${fraction}`) * 1000;
}

async function pidsOf(netns: Netns, but: readonly number[]): Promise<number[]> {
  const pids = (await run('ip', ['netns', 'pids', netns.name])).split('\n').map(Number);
  return pids.filter((pid) => pid > 0 && !but.includes(pid));
}

async function measure(
  bench: Bench,
  clients: readonly DhcpClient[],
  rounds: number,
  context: CommandContext,
): Promise<ClientResult[]> {
  const times = new Map(clients.map(({ name }): [string, number[]] => [name, []]));
  await context.progress.task(`${rounds} rounds of ${clients.length} clients`, async (note) => {
    // The first round warms the page cache and leaves a lease behind for the clients that start from one.
    for (let round = 0; round <= rounds; round += 1)
      for (const client of clients) {
        context.signal.throwIfAborted();
        const { ms, process } = await bench.start(client);
        note(`${round}: ${client.name} ${ms.toFixed(1)} ms`);
        if (round > 0) times.get(client.name)?.push(ms);
        await bench.stop(process);
      }
  });
  const results: ClientResult[] = [];
  await context.progress.task('memory and packets', async (note) => {
    for (const client of clients) {
      note(client.name);
      const before = await bench.packetsSent();
      const { process } = await bench.start(client);
      await sleep(REST_MS, undefined, { signal: context.signal });
      const ms = times.get(client.name) ?? [];
      results.push({
        client: client.name,
        medianMs: median(ms),
        fastestMs: tenths(Math.min(...ms)),
        slowestMs: tenths(Math.max(...ms)),
        ...(await bench.memory()),
        packetsSent: (await bench.packetsSent()) - before,
        imageKiB: Math.round(client.imageBytes / KIB),
      });
      await bench.stop(process);
    }
  });
  return results;
}

const HEAD = [
  'client',
  'median ms',
  'fastest',
  'slowest',
  'resident KiB',
  'private KiB',
  'packets',
  'image KiB',
];

function report(results: readonly ClientResult[], print: (line: string) => void): void {
  const rows = results.map(({ client, ...figures }) => [
    client,
    ...Object.values(figures).map(String),
  ]);
  for (const line of formatTable([HEAD, ...rows])) print(line);
}

interface DhcpBenchOptions {
  readonly json: boolean;
  readonly rounds: number;
}

/** `kios bench dhcp`. */
export async function benchDhcp(
  context: CommandContext,
  { json, rounds }: DhcpBenchOptions,
): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new KiosError('KIOS_BENCH_ROOT', 'make network namespaces', {
      exitCode: EXIT.permission,
      remedy: 'Run it as root.',
    });
  await ensurePackages(['build', 'netns'], context.progress);
  const peers = await fetchDhcpPeers(context.progress);
  const root = await mkdtemp(path.join(tmpdir(), 'kios-bench-dhcp-'));
  context.undo.defer(() => rm(root, { recursive: true, force: true }));
  const imageBytes = await writeAgentRoot('dhcp', root, context.progress);
  const ours = { root, env: { HOME: '/', ...RUNTIME_ENV }, imageBytes };
  const libraries = `usr/lib/${triplet(workstationArch())}`;
  const results: ClientResult[] = [];
  for (const [network, version] of [
    [IPV4, 4],
    [IPV6, 6],
  ] as const) {
    const clients = [
      ...ourClients(ours, AGENT_ENTRYPOINT, version),
      ...(await debianClients(peers, libraries, version)),
    ];
    await using bench = await Bench.open(network);
    results.push(...(await measure(bench, clients, rounds, context)));
  }
  if (json) context.print(JSON.stringify({ clients: results }));
  else report(results, context.print);
}
