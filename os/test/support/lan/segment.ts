import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import { Netns, type RunningProcess } from '@kios/testkit';

import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { Border, SEGMENT } from '../relay/border.ts';
import { FETCH, PORT, SERVE } from './programs.ts';

const DOMAIN = 'lab.example';
export const NEIGHBOUR = '10.0.2.9';
const FILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/** A guest with a card on the segment. */
export interface Host {
  readonly name: string;
  readonly mac: string;
  readonly address: string;
}

export const nameOf = ({ name }: Pick<Host, 'name'>): string => `${name}.${DOMAIN}`;
export const urlOf = (host: string): string => `http://${host}:${PORT}/`;

/** A segment with a server of addresses and names, and a neighbour that serves HTTP. */
export class Segment implements AsyncDisposable {
  readonly border: Border;
  readonly #stack: AsyncDisposableStack;
  readonly #server: RunningProcess;
  readonly #neighbour: Netns;

  private constructor(
    border: Border,
    stack: AsyncDisposableStack,
    server: RunningProcess,
    neighbour: Netns,
  ) {
    this.border = border;
    this.#stack = stack;
    this.#server = server;
    this.#neighbour = neighbour;
  }

  /** `hosts` have their addresses reserved. Pods get others, with names that they say themselves. */
  static async open(hosts: readonly Host[]): Promise<Segment> {
    await using stack = new AsyncDisposableStack();
    const border = stack.use(await Border.create({ ipv4: `${WORKSTATION_SEEN_BY_GUEST}/24` }));
    // The workstation's filter must not see what only crosses the segment.
    await border.exec('sh', '-c', `if [ -e ${FILTER} ]; then echo 0 > ${FILTER}; fi`);
    const server = await startServer(border, hosts);
    const neighbour = stack.use(await Netns.open('neighbour'));
    const peer = ['peer', 'name', 'neighbour0', 'netns', border.netns.name];
    await neighbour.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', ...peer);
    await border.exec('ip', 'link', 'set', 'neighbour0', 'master', SEGMENT, 'up');
    await neighbour.exec('ip', 'address', 'add', `${NEIGHBOUR}/24`, 'dev', 'eth0');
    await neighbour.exec('ip', 'link', 'set', 'eth0', 'up');
    await neighbour.start(process.execPath, ['-e', SERVE]).expect('serves');
    return new Segment(border, stack.move(), server, neighbour);
  }

  /** Lines of the DHCP server from now on. */
  follow(): () => string[] {
    const seen = this.#server.lines.length;
    return () => this.#server.lines.slice(seen);
  }

  /** Waits for the server to renew the lease of an address. */
  async renewal(address: string): Promise<void> {
    await this.#server.expectNext(`DHCPACK(${SEGMENT}) ${address} `, 120_000);
  }

  /** Returns what the neighbour gets from a URL; `by` is a machine that it asks to get it. */
  async get(url: string, by?: string): Promise<string> {
    const target = by === undefined ? url : `${urlOf(by)}?url=${encodeURIComponent(url)}`;
    return this.#neighbour.exec(process.execPath, '-e', FETCH, target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function startServer(border: Border, hosts: readonly Host[]): Promise<RunningProcess> {
  const folder = await mkdtemp(path.join(border.netns.folder, 'dnsmasq-'));
  const server = border.start('dnsmasq', [
    '--conf-file=/dev/null',
    '--keep-in-foreground',
    '--log-facility=-',
    '--no-resolv',
    '--no-hosts',
    '--no-ping',
    '--bind-interfaces',
    '--except-interface=lo',
    '--user=root',
    `--pid-file=${folder}/pid`,
    `--dhcp-leasefile=${folder}/leases`,
    `--interface=${SEGMENT}`,
    `--domain=${DOMAIN}`,
    `--local=/${DOMAIN}/`,
    '--dhcp-authoritative',
    '--dhcp-range=10.0.2.100,10.0.2.199,255.255.255.0,1h',
    // Leases are renewed soon, so that a test sees it, and no sooner than the client wants to.
    '--dhcp-option-force=option:T1,40',
    '--dhcp-option-force=option:T2,300',
    ...hosts.map(({ mac, address, name }) => `--dhcp-host=${mac},${address},${name}`),
  ]);
  await server.expect('sockets bound exclusively to interface');
  return server;
}
