import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { parse } from '@kios/agent/parse';
import { formatState, TimeState } from '@kios/node-state';
import { type RunningProcess, shippedRuntime, Wire } from '@kios/testkit';

import { type Chronyd, chronydAt } from '../../src/edge/chronyd/chronyd.ts';

export const SERVER = '192.0.2.1';
const DAY_MS = 24 * 3600_000;

/** A node on a wire to a time server: folders, a real chronyd that leaves the clock alone, and the agent's bundle. */
export class ClockNode implements AsyncDisposable {
  readonly dir: string;
  readonly wire: Wire;
  readonly #bundle: string;

  private constructor(dir: string, wire: Wire, bundle: string) {
    this.dir = dir;
    this.wire = wire;
    this.#bundle = bundle;
  }

  /** The link `eth0` is down and has no address. */
  static async open(bundle: string): Promise<ClockNode> {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-time-'));
    const folders = [
      'net',
      'platform',
      'chrony/sources.d',
      'chrony/sock',
      'time',
      'lib',
      'metrics',
    ];
    for (const name of folders) await mkdir(`${dir}/${name}`, { recursive: true });
    await chmod(`${dir}/chrony/sock`, 0o770);
    return new ClockNode(dir, await Wire.open(`${SERVER}/24`), bundle);
  }

  get socket(): string {
    return `${this.dir}/chrony/sock/chronyd.sock`;
  }

  get stateFile(): string {
    return `${this.dir}/time/state.json`;
  }

  get chronyd(): Chronyd {
    return chronydAt(this.socket);
  }

  async connect(): Promise<void> {
    await this.wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
    await this.wire.client.exec('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0');
  }

  agent(...args: string[]): RunningProcess {
    const env = { ...process.env, KIOS_CONSOLE: `${this.dir}/none` };
    return this.wire.client.start(shippedRuntime(), [this.#bundle, ...args], env);
  }

  watch(...args: string[]): RunningProcess {
    const { dir } = this;
    const flags = {
      config: `${dir}/time.yaml`,
      'net-dir': `${dir}/net`,
      'platform-dir': `${dir}/platform`,
      out: `${dir}/chrony`,
      socket: this.socket,
      'state-dir': `${dir}/lib`,
      'resolv-conf': `${dir}/none`,
      state: this.stateFile,
      saved: `${dir}/lib/saved-time`,
      'metrics-dir': `${dir}/metrics`,
      floor: new Date(Date.now() - DAY_MS).toISOString(),
    };
    const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    return this.agent('watch', ...words, ...args);
  }

  /** Starts chronyd with the sources in its folder. It leaves the clock alone. */
  async startChronyd(): Promise<RunningProcess> {
    const { dir } = this;
    const lines = [
      `sourcedir ${dir}/chrony/sources.d`,
      `bindcmdaddress ${this.socket}`,
      `pidfile ${dir}/pid`,
      'cmdport 0',
      'port 0',
    ];
    await writeFile(`${dir}/chrony.conf`, `${lines.join('\n')}\n`);
    const args = ['-d', '-x', '-u', 'root', '-f', `${dir}/chrony.conf`];
    const daemon = this.wire.client.start('chronyd', args);
    await daemon.expect('chronyd version');
    return daemon;
  }

  async setSources(addresses: readonly string[]): Promise<void> {
    const lines = addresses.map((address) => `server ${address} iburst\n`);
    await writeFile(`${this.dir}/chrony/sources.d/test.sources`, lines.join(''));
  }

  async writeState(state: Partial<TimeState>): Promise<void> {
    const known = { v: 1, sane: true, synced: false, since: '2026-11-01T00:00:00Z' } as const;
    await writeFile(this.stateFile, formatState(TimeState, { ...known, ...state }));
  }

  async readState(): Promise<TimeState> {
    const text = await readFile(this.stateFile, 'utf8');
    return parse(TimeState, this.stateFile, JSON.parse(text), (message) => new Error(message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wire[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}
