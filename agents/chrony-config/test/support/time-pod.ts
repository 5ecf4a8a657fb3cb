import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { bundleAgent } from '@kios/bundle';
import { type RunningProcess, shippedRuntime, Wire } from '@kios/testkit';
import { type NtpRule, type NtpServer, startNtpServer } from '@kios/testkit/ntp';
import * as v from 'valibot';
import { expect, vi } from 'vitest';

const DAY_MS = 24 * 3600_000;
/** chronyc's marks of sources. */
const MARKS = new Map([
  ['*', 'selected'],
  ['+', 'combined'],
  ['-', 'left out'],
  ['?', 'unusable'],
  ['x', 'false'],
]);

/** chronyd decides after four replies, two seconds apart. A busy machine takes much longer. */
export const DECIDED_MS = 90_000;
/** The line of the agent's log that says that chronyd has taken its source files. */
export const RELOADED = '"ev":"reload","ok":true';
/** Lines of the agent's log that say that it set the clock or refused a source. */
export const MEDDLED = /"ev":"(?:clock\.set|source\.refused)"/;
/** Addresses of the wire's server end, and of the node. */
export const SERVER = '192.0.2.1';
export const SERVER6 = '2001:db8::1';
export const NODE = '192.0.2.2';
/** Another server beside the first. */
export const SECOND = '192.0.2.7';

/** Builds the agent's program, and returns its path. */
export const bundleTimeAgent = (): Promise<string> =>
  bundleAgent(path.resolve(import.meta.dirname, '../..'));

/** What adjtimex(2) returns: TIME_OK and TIME_ERROR. */
const CLOCK_STATES = { synced: 0, unsynced: 5 } as const;

/** The line that `status` logs. */
const Status = v.pipe(v.string(), v.parseJson(), v.object({ sources: v.array(v.unknown()) }));

const platformJson = (platform: string): string => JSON.stringify({ v: 1, platform });

/** A node's time pod in a network namespace: the agent's program and a real chronyd, which sets no clock. */
export class TimePod implements AsyncDisposable {
  readonly wire: Wire;
  readonly dir: string;
  readonly #bundle: string;
  readonly #version: string;

  private constructor(wire: Wire, dir: string, bundle: string, version: string) {
    this.wire = wire;
    this.dir = dir;
    this.#bundle = bundle;
    this.#version = version;
  }

  /** `bundle` is the agent's program. The node has no address until `connect`. */
  static async open(bundle: string): Promise<TimePod> {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-time-'));
    for (const name of ['net/v6', 'platform', 'chrony', 'time', 'lib', 'operator'])
      await mkdir(`${dir}/${name}`, { recursive: true });
    await writeFile(`${dir}/platform/platform.json`, platformJson('none'));
    const wire = await Wire.open(`${SERVER}/24`);
    const address = ['address', 'add', `${SERVER6}/64`, 'dev', 'srv0', 'nodad'];
    await wire.server.exec('ip', ...address);
    const said = await wire.client.exec('chronyd', '--version');
    const pod = new TimePod(wire, dir, bundle, /version (\S+)/.exec(said)?.[1] ?? '');
    await mkdir(pod.#etc, { recursive: true });
    return pod;
  }

  /** Files that programs in the node's namespace see in /etc (ip-netns(8)). */
  get #etc(): string {
    return `/etc/netns/${this.wire.client.name}`;
  }

  get socket(): string {
    return `${this.dir}/chrony/sock/chronyd.sock`;
  }

  async connect(...addresses: string[]): Promise<void> {
    const { client } = this.wire;
    for (const address of addresses)
      await client.exec('ip', 'address', 'add', address, 'dev', 'eth0', 'nodad');
    await client.exec('ip', 'link', 'set', 'eth0', 'up');
  }

  /** Starts a time server at an address of the wire's other end. */
  async serve(address: string, ...rules: readonly NtpRule[]): Promise<NtpServer> {
    const { server } = this.wire;
    if (!address.includes(':'))
      await server.exec('ip', 'address', 'replace', `${address}/24`, 'dev', 'srv0');
    return startNtpServer(server, address, rules.length === 0 ? [{}] : rules);
  }

  /** Starts a server of names at the wire's other end, which the agent and chronyd ask. */
  async serveNames(names: Readonly<Record<string, string>>): Promise<void> {
    const { server } = this.wire;
    const records = Object.entries(names).map(([name, ip]) => `--host-record=${name},${ip}`);
    const alone = ['--no-resolv', '--no-hosts', '--bind-interfaces', '--user=root'];
    const files = ['--conf-file=/dev/null', `--pid-file=${server.folder}/names.pid`];
    const where = [`--listen-address=${SERVER}`, '--except-interface=lo'];
    const output = ['--keep-in-foreground', '--log-facility=-'];
    const args = [...files, ...output, ...alone, ...where, ...records];
    await server.start('dnsmasq', args).expect('started');
    for (const file of [`${this.dir}/resolv.conf`, `${this.#etc}/resolv.conf`])
      await writeFile(file, `nameserver ${SERVER}\n`);
  }

  async configure(yaml: string): Promise<void> {
    await writeFile(`${this.dir}/time.yaml`, yaml);
  }

  /** Says on which platform the node is. */
  async platform(platform: string): Promise<void> {
    await writeFile(`${this.dir}/platform/platform.json`, platformJson(platform));
  }

  /** Writes the lease of a link that names these time servers. */
  async lease(ntp: readonly string[], link = 'eth0'): Promise<void> {
    const times = { lease: 3600, t1: 1800, t2: 3150 };
    const acquired = { boot: 1, wall: '2026-11-22T00:00:00.000Z' };
    const own = { if: link, mac: '02:00:00:00:00:01', address: `${NODE}/24`, state: 'bound' };
    const lease = { v: 1, ...own, bootId: 'b', acquired, ...times, ntp };
    await writeFile(`${this.dir}/net/${link}.json`, JSON.stringify(lease));
  }

  /** Writes what a DHCPv6 server said to the node. */
  async lease6(ntp: readonly string[]): Promise<void> {
    const written = { boot: 1, wall: '2026-11-22T00:00:00.000Z' };
    const own = { if: 'eth0', mac: '02:00:00:00:00:01', state: 'informed' };
    const lease = { v: 1, ...own, bootId: 'b', written, ntp };
    await writeFile(`${this.dir}/net/v6/eth0.json`, JSON.stringify(lease));
  }

  agent(...args: string[]): RunningProcess {
    return this.#run(shippedRuntime(), this.#bundle, ...args);
  }

  /**
   * Starts the agent with strace in the kernel's place when it asks whether the clock is synchronised. That of the
   * workstation may be either, and no test may change it.
   */
  agentSeeing(clock: keyof typeof CLOCK_STATES, ...args: string[]): RunningProcess {
    const calls = 'adjtimex,clock_adjtime';
    const reply = `inject=${calls}:retval=${CLOCK_STATES[clock]}`;
    const traced = ['-f', '--seccomp-bpf', '-qq', '-e', `trace=${calls}`, '-e', reply];
    const trace = ['-o', `${this.dir}/trace`];
    return this.#run('strace', ...traced, ...trace, shippedRuntime(), this.#bundle, ...args);
  }

  #run(program: string, ...args: string[]): RunningProcess {
    const env = { ...process.env, KIOS_CONSOLE: `${this.dir}/none` };
    return this.wire.client.start(program, args, env);
  }

  /** Renders the files, starts chronyd and then the agent, which has told chronyd of them when this returns. */
  async start(): Promise<{ readonly chronyd: RunningProcess; readonly watch: RunningProcess }> {
    await this.render();
    const chronyd = this.chronyd();
    await chronyd.expect('chronyd version');
    const watch = this.watch();
    await watch.expect(RELOADED);
    return { chronyd, watch };
  }

  /** Writes the files that chronyd starts with. */
  async render(): Promise<void> {
    const render = this.agent('render', ...this.#folders());
    const code = await render.exited;
    if (code !== 0) throw new Error(`render ended with ${code}: ${render.lines.join('\n')}`);
  }

  /** -x: tests must not set the clock of the machine they run on. */
  chronyd(): RunningProcess {
    const args = ['-d', '-x', '-u', 'root', '-f', `${this.dir}/chrony/chrony.conf`];
    return this.wire.client.start('chronyd', args);
  }

  watch(): RunningProcess {
    const { dir } = this;
    const floor = new Date(Date.now() - DAY_MS).toISOString();
    const files = [`--state=${dir}/time/state.json`, `--saved=${dir}/lib/saved-time`];
    const rest = [`--resolv-conf=${dir}/resolv.conf`, `--floor=${floor}`];
    const metrics = `--metrics-dir=${dir}/metrics`;
    return this.agent('watch', ...this.#folders(), ...files, ...rest, metrics);
  }

  /** Returns what `status` says of each server that an origin names. */
  async status(): Promise<readonly unknown[]> {
    const files = [`--state=${this.dir}/time/state.json`, `--out=${this.dir}/chrony`];
    const line = await this.agent('status', ...files, `--socket=${this.socket}`).expect(
      '"ev":"status"',
    );
    return v.parse(Status, line).sources;
  }

  /** Waits until chronyd makes this of its sources. */
  async expectSources(wanted: Readonly<Record<string, string>>): Promise<void> {
    const look = async (): Promise<void> => expect(await this.sources()).toMatchObject(wanted);
    await vi.waitFor(look, { timeout: DECIDED_MS, interval: 500 });
  }

  /** Returns what chronyd makes of each of its sources. */
  async sources(): Promise<Readonly<Record<string, string>>> {
    const rows = (await this.chronyc('sources')).split('\n').filter((line) => line !== '');
    return Object.fromEntries(
      rows.map((row) => {
        const [, mark = '', address = ''] = row.split(',');
        return [address, MARKS.get(mark) ?? mark];
      }),
    );
  }

  /** Returns chronyd's reply as comma-separated values. */
  async chronyc(...command: string[]): Promise<string> {
    const args = ['-h', this.socket, '-c', '-n', ...command];
    return (await this.wire.client.exec('chronyc', ...args)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wire[Symbol.asyncDispose]();
    for (const folder of [this.dir, this.#etc]) await rm(folder, { recursive: true, force: true });
  }

  #folders(): string[] {
    const { dir } = this;
    const flags = {
      config: `${dir}/time.yaml`,
      'operator-dir': `${dir}/operator`,
      'ptp-class': `${dir}/ptp`,
      'ptp-devices': `${dir}/ptp`,
      'net-dir': `${dir}/net`,
      'platform-dir': `${dir}/platform`,
      out: `${dir}/chrony`,
      socket: this.socket,
      'state-dir': `${dir}/lib`,
      'chrony-version': this.#version,
    };
    return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  }
}
