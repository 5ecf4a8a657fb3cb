import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { RunningProcess } from './running-process.ts';

const run = promisify(execFile);

/** A network namespace that is removed, with everything in it, when disposed. */
export class Netns implements AsyncDisposable {
  readonly name: string;
  /** Folder for the files of its programs, removed with it. */
  readonly folder: string;
  readonly #processes: RunningProcess[] = [];

  private constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
  }

  static async open(label: string): Promise<Netns> {
    const name = `kios-${label}-${randomBytes(4).toString('hex')}`;
    const netns = new Netns(name, await mkdtemp(path.join(tmpdir(), `${name}-`)));
    await run('ip', ['netns', 'add', netns.name]);
    await netns.exec('ip', 'link', 'set', 'lo', 'up');
    return netns;
  }

  /** Runs a program to its end. Returns its standard output. */
  async exec(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.name, command, ...args]);
    return stdout;
  }

  /** Starts a program that lives until it is stopped or the namespace is disposed. */
  start(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): RunningProcess {
    const inside = ['netns', 'exec', this.name, command, ...args];
    const started = new RunningProcess('ip', inside, env);
    this.#processes.push(started);
    return started;
  }

  /** Returns the parsed output of `ip -j …`. */
  async ip(...args: string[]): Promise<unknown> {
    return JSON.parse((await this.exec('ip', '-j', ...args)) || '[]');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop()));
    await run('ip', ['netns', 'delete', this.name]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Two namespaces with a cable between them: `eth0` in the client, `srv0` in the server. */
export class Wire implements AsyncDisposable {
  readonly client: Netns;
  readonly server: Netns;

  private constructor(client: Netns, server: Netns) {
    this.client = client;
    this.server = server;
  }

  /** `serverAddress`, with prefix length, is set on the server's end; the client's end is left down. */
  static async open(serverAddress: string): Promise<Wire> {
    const wire = new Wire(await Netns.open('client'), await Netns.open('server'));
    const peer = ['peer', 'name', 'srv0', 'netns', wire.server.name];
    await wire.client.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', ...peer);
    await wire.server.exec('ip', 'address', 'add', serverAddress, 'dev', 'srv0');
    await wire.server.exec('ip', 'link', 'set', 'srv0', 'up');
    return wire;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** A switch with three ports: `eth0` in the client, `eth0` in a neighbour and the bridge `srv0` in the server. */
export class Lan implements AsyncDisposable {
  readonly client: Netns;
  readonly server: Netns;
  readonly neighbour: Netns;

  private constructor(client: Netns, server: Netns, neighbour: Netns) {
    this.client = client;
    this.server = server;
    this.neighbour = neighbour;
  }

  /** The client's end is left down. */
  static async open(serverAddress: string, neighbourAddress: string): Promise<Lan> {
    const [client, server] = [await Netns.open('client'), await Netns.open('server')];
    const lan = new Lan(client, server, await Netns.open('neighbour'));
    await server.exec('ip', 'link', 'add', 'srv0', 'type', 'bridge', 'forward_delay', '0');
    await server.exec('ip', 'address', 'add', serverAddress, 'dev', 'srv0');
    await server.exec('ip', 'link', 'set', 'srv0', 'up');
    for (const [netns, port] of [
      [client, 'port1'],
      [lan.neighbour, 'port2'],
    ] as const) {
      const peer = ['peer', 'name', port, 'netns', server.name];
      await netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', ...peer);
      await server.exec('ip', 'link', 'set', port, 'master', 'srv0', 'up');
    }
    await lan.neighbour.exec('ip', 'address', 'add', neighbourAddress, 'dev', 'eth0');
    await lan.neighbour.exec('ip', 'link', 'set', 'eth0', 'up');
    return lan;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const netns of [this.client, this.neighbour, this.server])
      await netns[Symbol.asyncDispose]();
  }
}
