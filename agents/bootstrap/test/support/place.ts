import { Netns } from '@kios/testkit';
import { MetadataService, type ServeOptions } from '@kios/testkit/metadata';

import { AgentProcess, SHIPPED } from './agent-process.ts';
import { NodeFolder } from './node-folder.ts';

export interface PlaceOptions {
  /** Addresses of the machine itself. */
  readonly own: readonly string[];
  /** Addresses of the cloud's services. */
  readonly services: readonly string[];
}

/** A machine with one link in a cloud: a namespace in which the cloud's services have their own addresses. */
export class Place implements AsyncDisposable {
  readonly netns: Netns;
  readonly node: NodeFolder;

  private constructor(netns: Netns, node: NodeFolder) {
    this.netns = netns;
    this.node = node;
  }

  static async open({ own, services }: PlaceOptions): Promise<Place> {
    const netns = await Netns.open('cloud');
    await netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'cable');
    for (const end of ['eth0', 'cable']) await netns.exec('ip', 'link', 'set', end, 'up');
    for (const address of own) await netns.exec('ip', 'address', 'add', address, 'dev', 'eth0');
    for (const address of services) {
      const length = address.includes(':') ? ['128', 'nodad'] : ['32'];
      const prefix = `${address}/${length[0]}`;
      await netns.exec('ip', 'address', 'add', prefix, 'dev', 'eth0', ...length.slice(1));
    }
    return new Place(netns, await NodeFolder.make());
  }

  /** Connects two places by a cable with an address at each end. */
  static async connect(
    one: Place,
    other: Place,
    addresses: readonly [string, string],
  ): Promise<void> {
    const name = `to-${other.netns.name.slice(-8)}`;
    const peer = ['peer', 'name', 'up0', 'netns', other.netns.name];
    await one.netns.exec('ip', 'link', 'add', name, 'type', 'veth', ...peer);
    for (const [place, link, address] of [
      [one, name, addresses[0]],
      [other, 'up0', addresses[1]],
    ] as const) {
      await place.netns.exec('ip', 'address', 'add', address, 'dev', link);
      await place.netns.exec('ip', 'link', 'set', link, 'up');
    }
  }

  /** Writes the values of the firmware. */
  firmware(facts: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(facts))
      this.node.write(`sys/class/dmi/id/${name}`, `${value}\n`);
  }

  async serve(options: ServeOptions): Promise<MetadataService> {
    return MetadataService.start(options, this.netns);
  }

  /** Starts the shipped agent with no other capabilities than these. */
  agent(
    verb: string,
    flags: readonly string[] = [],
    capabilities: readonly string[] = [],
  ): AgentProcess {
    const bounding = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    const bare = ['setpriv', '--no-new-privs', `--bounding-set=${bounding}`, '--inh-caps=-all'];
    const by = ['ip', 'netns', 'exec', this.netns.name, ...bare];
    return new AgentProcess({ program: SHIPPED, node: this.node, verb, flags, by });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.netns[Symbol.asyncDispose]();
    await this.node[Symbol.asyncDispose]();
  }
}
