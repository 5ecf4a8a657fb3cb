import type { Logger } from '@kios/agent';
import { DecodeError } from '@kios/bytes';
import { KiosError } from '@kios/errors';

import { step, wakeTime } from '../../core/client/machine.ts';
import {
  type BoundLease,
  type Effect,
  expiryOf,
  type Input,
  RX_DROP,
} from '../../core/client/model.ts';
import { type Clocks, fromRecord } from '../../core/client/record.ts';
import { acceptReply, type Reply } from '../../core/client/replies.ts';
import { adopt, begin } from '../../core/client/start.ts';
import type { Millis } from '../../core/client/timing.ts';
import { policyOf, readyLease } from '../../core/pods/pod.ts';
import type { Attachment } from '../../core/pods/protocol.ts';
import { attemptSend } from '../sockets/attempt-send.ts';
import type { Drops } from '../sockets/receivers.ts';
import { Farewell } from './farewell.ts';
import type { PodStore, StoredPod } from './pod-store.ts';
import { isOver, nameOf, type Pod, storedOf } from './pod.ts';
import type { Heard, Segment } from './segment.ts';

const CONFLICT_FREE = true;

export interface LeasePorts {
  readonly segment: Segment;
  readonly store: PodStore;
  readonly log: Logger;
  readonly drops: Drops;
  readonly bootId: string;
  readonly minLeaseSeconds: number;
  /** The bridge's own hardware address. */
  readonly hostMac: string;
  readonly clocks: () => Clocks;
  readonly entropy: () => { readonly xid: number; readonly jitter: number };
  /** Connects the pod behind a port of the bridge, or cuts it off. */
  readonly connect: (port: string, on: boolean) => Promise<void>;
}

/**
 * The leases of all pods of this node on one segment: feeds each pod's state machine and carries out its effects. Calls
 * must not overlap.
 */
export class PodLeases {
  readonly #ports: LeasePorts;
  readonly #farewell: Farewell;
  readonly #pods = new Map<string, Pod>();
  /** Leases of an earlier boot, whose pods have not come back yet. */
  readonly #earlier = new Map<string, StoredPod>();
  #isConnected = true;

  constructor(ports: LeasePorts) {
    this.#ports = ports;
    this.#farewell = new Farewell(ports, (mac) => this.#pods.has(mac));
  }

  /** Takes over what an earlier instance left. Pods of this boot still have their addresses. */
  async resume(): Promise<void> {
    const { store, bootId, clocks } = this.#ports;
    for (const stored of await store.readAll()) {
      if (stored.released) this.#farewell.begin(stored);
      else if (stored.lease.bootId === bootId) await this.#resumePod(stored);
      else if (isOver(stored, clocks().wall)) await store.remove(stored.mac);
      else this.#earlier.set(stored.mac, stored);
    }
  }

  /** When `onTimer` is due; undefined when nothing is. */
  get wakeTime(): Millis | undefined {
    const times = [...this.#pods.values()].map(({ state }) => wakeTime(state) ?? Infinity);
    const first = Math.min(...times);
    return Number.isFinite(first) ? first : undefined;
  }

  /** The ports of the bridge that pods are behind. */
  get ports(): ReadonlySet<string> {
    return new Set([...this.#pods.values()].flatMap(({ port }) => port ?? []));
  }

  /**
   * The uplink gains or loses its carrier. With one again, the cable may lead to another network: each address is asked
   * for again. RFC 2131 §3.7.
   */
  async carrier(up: boolean): Promise<void> {
    if (up === this.#isConnected) return;
    this.#isConnected = up;
    for (const pod of this.#pods.values()) await this.#feed(pod, { tag: 'carrier', up });
  }

  async onTimer(): Promise<void> {
    const { now } = this.#ports.clocks();
    for (const pod of this.#pods.values())
      if ((wakeTime(pod.state) ?? Infinity) <= now) await this.#feed(pod, { tag: 'timer' });
  }

  async onHeard(heard: Heard): Promise<void> {
    if (heard.tag === 'arp') {
      this.#farewell.onArp(heard.packet);
      for (const pod of this.#pods.values())
        if (pod.state.memory.watch?.address === heard.packet.sender) await this.#feed(pod, heard);
      return;
    }
    const { incoming } = heard;
    const pod = this.#pods.get(incoming.message.chaddr);
    if (pod === undefined) return;
    let reply: Reply;
    try {
      reply = acceptReply(this.#policyOf(pod).identity, incoming);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#ports.drops.add({ pod: nameOf(pod), why: error.message });
    }
    await this.#feed(pod, { tag: 'reply', reply });
  }

  /** Calls `ready` with the pod's lease once it has one. A pod that starts again still has it. */
  async add(mac: string, attachment: Attachment, ready: (held: BoundLease) => void): Promise<void> {
    const known = this.#pods.get(mac);
    const pod = known ?? this.#newPod(mac, attachment);
    pod.attachment = attachment;
    pod.port = undefined;
    pod.given = undefined;
    pod.waiting.push(ready);
    if (known === undefined) await this.#begin(pod);
    else await this.#serveWaiting(pod);
  }

  /** Notes the port that a pod is behind. */
  async attach(attachment: Attachment, port: string): Promise<void> {
    const pod = this.#require(attachment);
    pod.port = port;
    await this.#write(pod);
  }

  check(attachment: Attachment): void {
    const pod = this.#require(attachment);
    const held = readyLease(pod.state);
    if (held === undefined || held.lease.address !== pod.given)
      throw new KiosError('KIOS_DHCP_POD_LOST', `check pod ${nameOf(pod)}: its lease is over`);
  }

  /** Gives a pod's address back. An older container of a pod that started again has none. */
  async release({ container, interface: name }: Attachment): Promise<void> {
    await this.#releaseAll(
      ({ attachment }) => attachment.container === container && attachment.interface === name,
    );
  }

  /** Gives back the addresses of pods that are in the network and not among the valid ones. */
  async collect(network: string, isValid: (attachment: Attachment) => boolean): Promise<void> {
    await this.#releaseAll(
      ({ attachment }) => attachment.network === network && !isValid(attachment),
    );
  }

  async #releaseAll(isMeant: (pod: Pod) => boolean): Promise<void> {
    for (const pod of [...this.#pods.values()].filter(isMeant)) {
      this.#pods.delete(pod.mac);
      const stored = storedOf(pod, this.#ports);
      if (stored === undefined) {
        // Its lease is over, but not its file, which the next instance would take for a pod.
        await this.#ports.store.remove(pod.mac);
        continue;
      }
      const released = { ...stored, released: true };
      await this.#ports.store.write(released);
      this.#farewell.begin(released);
    }
  }

  #require({ container, interface: name }: Attachment): Pod {
    const found = [...this.#pods.values()].find(
      ({ attachment }) => attachment.container === container && attachment.interface === name,
    );
    if (found !== undefined) return found;
    throw new KiosError('KIOS_DHCP_POD_UNKNOWN', `find pod of container ${container}`);
  }

  #newPod(mac: string, attachment: Attachment): Pod {
    const earlier = this.#earlier.get(mac);
    this.#earlier.delete(mac);
    const last = earlier && fromRecord(earlier.lease, this.#ports.clocks());
    const state = begin(last?.held.lease.address, last?.network);
    const pod: Pod = { mac, attachment, state, port: undefined, given: undefined, waiting: [] };
    this.#pods.set(mac, pod);
    return pod;
  }

  async #resumePod({ mac, attachment, port, given, lease }: StoredPod): Promise<void> {
    const { clocks, log } = this.#ports;
    const { held, network } = fromRecord(lease, clocks());
    const runs = clocks().now < (expiryOf(held) ?? Infinity);
    const policy = policyOf(mac, attachment.pod, this.#ports.minLeaseSeconds);
    const state = runs ? adopt(held, network, CONFLICT_FREE, policy) : begin(given, network);
    const pod: Pod = { mac, attachment, state, port, given, waiting: [] };
    this.#pods.set(mac, pod);
    log.info({ ev: 'pod.adopted', pod: nameOf(pod), address: held.lease.address, expired: !runs });
    if (runs) return;
    await this.#perform({ tag: 'unbind', held }, pod);
    await this.#begin(pod);
  }

  async #begin(pod: Pod): Promise<void> {
    if (this.#isConnected) await this.#feed(pod, { tag: 'carrier', up: true });
  }

  readonly #policyOf = ({ mac, attachment }: Pod): ReturnType<typeof policyOf> =>
    policyOf(mac, attachment.pod, this.#ports.minLeaseSeconds);

  async #feed(pod: Pod, input: Input): Promise<void> {
    const { clocks, entropy } = this.#ports;
    const event = { ...input, ...entropy(), now: clocks().now };
    const [next, effects] = step(pod.state, event, this.#policyOf(pod));
    pod.state = next;
    for (const effect of effects) await this.#perform(effect, pod);
    await this.#serveWaiting(pod);
  }

  async #serveWaiting(pod: Pod): Promise<void> {
    const held = readyLease(pod.state);
    if (held === undefined || pod.waiting.length === 0) return;
    pod.given = held.lease.address;
    await this.#write(pod);
    for (const ready of pod.waiting) ready(held);
    pod.waiting = [];
  }

  async #perform(effect: Effect, pod: Pod): Promise<void> {
    const { segment, log, drops } = this.#ports;
    switch (effect.tag) {
      case 'send': {
        const { message, target: server } = effect;
        const nextHop = pod.state.memory.network.serverMac;
        const envelope = { sourceMac: pod.mac, server, nextHop };
        attemptSend(() => segment.send(message, envelope), log);
        return;
      }
      case 'arp':
        attemptSend(() => segment.sendArp(effect.packet), log);
        return;
      case 'bind':
        return this.#onBind(pod, effect.held);
      case 'unbind':
        return this.#onUnbind(pod, effect.held);
      case 'remember':
        return this.#write(pod);
      case 'report':
        if (effect.ev === RX_DROP) return drops.add({ pod: nameOf(pod), ...effect.fields });
        return log[effect.level]({ ev: effect.ev, pod: nameOf(pod), ...effect.fields });
      // The pod's addresses and routes are its own kernel's.
      case 'repair':
      case 'stand-down':
    }
  }

  async #onBind(pod: Pod, { lease }: BoundLease): Promise<void> {
    const { log } = this.#ports;
    const { address, server, leaseSeconds } = lease;
    log.info({ ev: 'pod.bound', pod: nameOf(pod), address, server, seconds: leaseSeconds });
    await this.#write(pod);
    if (pod.given === undefined) return;
    if (pod.given === address) return this.#connect(pod, true);
    log.error({
      ev: 'pod.moved',
      code: 'KIOS_DHCP_POD_MOVED',
      pod: nameOf(pod),
      why: `the server grants ${address} in place of ${pod.given}`,
      remedy: 'Delete the pod: a new one gets the new address.',
    });
    await this.#connect(pod, false);
  }

  /** An address without a lease may be somebody else's, so it has to leave the segment. */
  async #onUnbind(pod: Pod, { lease }: BoundLease): Promise<void> {
    if (pod.given === undefined) return;
    this.#ports.log.error({
      ev: 'pod.lost',
      code: 'KIOS_DHCP_POD_LOST',
      pod: nameOf(pod),
      why: `the lease of ${lease.address} is over`,
      remedy: 'Look after the DHCP server: with the same address the pod is connected again.',
    });
    await this.#connect(pod, false);
  }

  async #connect({ port }: Pod, on: boolean): Promise<void> {
    if (port !== undefined) await this.#ports.connect(port, on);
  }

  async #write(pod: Pod): Promise<void> {
    const stored = storedOf(pod, this.#ports);
    if (stored !== undefined) await this.#ports.store.write(stored);
  }
}
