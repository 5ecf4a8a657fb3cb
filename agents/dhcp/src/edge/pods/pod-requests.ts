import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';
import type { Rtnetlink } from '@kios/netlink';
import { ClusterState, PlatformState, readStateIfThere, StateError } from '@kios/node-state';
import type { GenericSchema, InferOutput } from 'valibot';

import { grantOf, macFrom, macSource } from '../../core/pods/pod.ts';
import { type Attachment, Note, type Reply, type Request } from '../../core/pods/protocol.ts';
import { isWifi } from '../kernel/hardware.ts';
import type { PodLeases } from './pod-leases.ts';

/** Shorter than the plugin waits, so that it hears the reason. */
const LEASE_MS = 40_000;
/** Platforms whose networks drop frames of hardware addresses that they did not give out. */
export const STRICT: ReadonlySet<string> = new Set([
  'akamai',
  'aws',
  'azure',
  'digitalocean',
  'gcp',
  'hetzner',
  'oracle',
  'scaleway',
  'vultr',
]);

/** What requests depend on, beside leases. */
export interface RequestOptions {
  readonly bridge: string;
  /** The bridge's port towards the segment. */
  readonly uplink: string;
  /** How the host takes router announcements on the bridge; undefined leaves it as it is. */
  readonly acceptRa: number | undefined;
  /** Folder of the socket and of notes, in RAM. */
  readonly lanDir: string;
  readonly platformDir: string;
  /** Where sysfs is, unless at its usual place. */
  readonly sysfs?: string;
}

export type Job = () => Promise<void>;

/** Answers the requests of the CNI plugin. */
export class PodRequests {
  readonly #options: RequestOptions;
  readonly #rtnetlink: Rtnetlink;
  readonly #leases: PodLeases;
  readonly #put: (job: Job) => void;

  /** `put` makes a job run after those before it. */
  constructor(
    options: RequestOptions,
    { rtnetlink }: { readonly rtnetlink: Rtnetlink },
    leases: PodLeases,
    put: (job: Job) => void,
  ) {
    this.#options = options;
    this.#rtnetlink = rtnetlink;
    this.#leases = leases;
    this.#put = put;
  }

  async answer(request: Request, gone: AbortSignal): Promise<Reply> {
    const leases = this.#leases;
    switch (request.command) {
      case 'status':
        await this.#refuse(request.bridge);
        return {};
      case 'prepare':
        return this.#prepare(request.bridge, request.attachment);
      case 'add':
        await this.#refuse(request.bridge);
        return this.#add(request.attachment, gone);
      case 'attach':
        return this.#inTurn(() => leases.attach(request.attachment, request.attachment.port));
      case 'check':
        return this.#inTurn(() => leases.check(request.attachment));
      case 'delete':
        return this.#inTurn(() => leases.release(request.attachment));
      case 'gc': {
        const { network, valid } = request;
        const names = new Set(valid.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
        return this.#inTurn(() =>
          leases.collect(network, (each) => names.has(`${each.container}/${each.interface}`)),
        );
      }
    }
  }

  /** Runs the work after what is under way, and after what was noted while no agent listened. */
  #inTurn(work: () => void | Promise<void>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#put(async () => {
        try {
          await this.readNotes();
          await work();
          resolve({});
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async #prepare(bridge: string, attachment: Attachment): Promise<Reply> {
    await this.#refuse(bridge);
    const { acceptRa, platformDir } = this.#options;
    const cluster = await readIfGood(ClusterState, path.join(platformDir, 'cluster.json'));
    const source = macSource(cluster?.server ?? '', attachment);
    const mac = macFrom(createHash('sha256').update(source).digest());
    return { mac, ...(acceptRa === undefined ? {} : { acceptRa }) };
  }

  async #add(
    { mac, ...attachment }: Attachment & { readonly mac: string },
    gone: AbortSignal,
  ): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const name = `${attachment.namespace}/${attachment.pod}`;
    const fail = (code: string, why: string): void =>
      reject(new KiosError(code, `get an address for pod ${name}: ${why}`));
    const late = setTimeout(
      () => fail('KIOS_DHCP_POD_NO_LEASE', `no DHCP server granted one in ${LEASE_MS / 1000} s`),
      LEASE_MS,
    );
    const leave = (): void => fail('KIOS_DHCP_POD_REQUEST', 'nobody waits for it');
    gone.addEventListener('abort', leave);
    try {
      const host = await this.#hostAddress();
      const ready = (...[held]: Parameters<Parameters<PodLeases['add']>[2]>): void =>
        resolve(grantOf(held, host));
      // Who asked may have gone before the listener was there.
      if (gone.aborted) leave();
      else this.#inTurn(() => this.#leases.add(mac, attachment, ready)).catch(reject);
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Tells of pods that went while no agent listened. */
  async readNotes(): Promise<void> {
    const folder = path.join(this.#options.lanDir, 'notes');
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((each) => each.endsWith('.json'))) {
      const file = path.join(folder, name);
      const note = await readIfGood(Note, file);
      if (note !== undefined) await this.#leases.release(note);
      await rm(file, { force: true });
    }
  }

  /** Fails where pods cannot have addresses of the segment. */
  async #refuse(bridge: string): Promise<void> {
    const { bridge: own, uplink, platformDir, sysfs } = this.#options;
    const refuse = (why: string): never => {
      throw new KiosError('KIOS_DHCP_LAN_REFUSED', `serve pods on ${bridge}: ${why}`);
    };
    if (bridge !== own) refuse(`the network file has pods on ${own}`);
    if (isWifi(uplink, sysfs))
      refuse(`${uplink} is Wi-Fi, which carries one hardware address alone`);
    const platform = await readIfGood(PlatformState, path.join(platformDir, 'platform.json'));
    if (platform !== undefined && STRICT.has(platform.platform))
      refuse(
        `${platform.platform} drops the frames of hardware addresses that it did not give out`,
      );
  }

  async #hostAddress(): Promise<string | undefined> {
    const links = await this.#rtnetlink.links();
    const bridge = links.find(({ name }) => name === this.#options.bridge);
    const addresses = await this.#rtnetlink.addresses();
    return addresses.find(({ ifindex }) => ifindex === bridge?.index)?.address;
  }
}

/** Reads a file that others wrote; undefined when there is none, or a damaged one. */
async function readIfGood<const S extends GenericSchema>(
  schema: S,
  file: string,
): Promise<InferOutput<S> | undefined> {
  try {
    return await readStateIfThere(schema, file);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return undefined;
  }
}
