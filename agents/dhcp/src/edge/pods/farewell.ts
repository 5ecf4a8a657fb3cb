import type { Logger } from '@kios/agent';

import { type Clocks, fromRecord } from '../../core/client/record.ts';
import { release } from '../../core/client/requests.ts';
import { policyOf } from '../../core/pods/pod.ts';
import { type ArpPacket, probe } from '../../core/wire/arp.ts';
import { attemptSend } from '../sockets/attempt-send.ts';
import type { PodStore, StoredPod } from './pod-store.ts';
import type { Segment } from './segment.ts';

/** How long a host has to reply that it uses an address. */
const PROBE_MS = 300;

interface FarewellPorts {
  readonly segment: Segment;
  readonly store: PodStore;
  readonly log: Logger;
  readonly hostMac: string;
  readonly clocks: () => Clocks;
  readonly entropy: () => { readonly xid: number };
}

/**
 * Tells servers that the addresses of pods are free again. A pod may live on another node by then, with the same
 * hardware address and the same lease: then its address is in use, and is not given back.
 */
export class Farewell {
  readonly #ports: FarewellPorts;
  readonly #isBack: (mac: string) => boolean;
  /** Addresses that somebody uses, among those that are asked for. */
  readonly #asked = new Map<string, boolean>();

  constructor(ports: FarewellPorts, isBack: (mac: string) => boolean) {
    this.#ports = ports;
    this.#isBack = isBack;
  }

  onArp({ sender }: ArpPacket): void {
    if (this.#asked.has(sender)) this.#asked.set(sender, true);
  }

  /** Begins to give back the address of a pod that is gone. What fails is done by the next instance. */
  begin(pod: StoredPod): void {
    const { held } = fromRecord(pod.lease, this.#ports.clocks());
    const { address } = held.lease;
    this.#asked.set(address, false);
    // In the host's name: a frame in the pod's would lead its traffic here, away from another node.
    const { segment, hostMac, log } = this.#ports;
    attemptSend(() => segment.sendArp(probe(hostMac, address)), log);
    const timer = setTimeout(() => void this.#end(pod, address), PROBE_MS);
    timer.unref();
  }

  async #end(pod: StoredPod, address: string): Promise<void> {
    const isInUse = this.#asked.get(address) === true;
    this.#asked.delete(address);
    const { mac, attachment } = pod;
    if (this.#isBack(mac)) return;
    const { log, store } = this.#ports;
    if (!isInUse) this.#send(pod);
    const name = `${attachment.namespace}/${attachment.pod}`;
    log.info({ ev: isInUse ? 'pod.elsewhere' : 'pod.released', pod: name, address });
    await store.remove(mac).catch((err: unknown) => log.warn({ ev: 'store.fail', err }));
  }

  #send({ mac, attachment, lease }: StoredPod): void {
    const { segment, clocks, entropy, hostMac, log } = this.#ports;
    const { held, network } = fromRecord(lease, clocks());
    const { server, address } = held.lease;
    if (server === undefined) return;
    const { identity } = policyOf(mac, attachment.pod, 0);
    const { degradeLevel } = held;
    const exchange = { xid: entropy().xid, secs: 0, degradeLevel, broadcast: false };
    const envelope = { sourceMac: hostMac, server, nextHop: network.serverMac };
    const message = release(identity, exchange, address, server);
    // A lease that is not given back ends by itself.
    attemptSend(() => segment.send(message, envelope), log);
  }
}
