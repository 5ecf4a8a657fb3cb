import { type Channel, openPacket } from '@kios/syscall';

import type { Incoming } from '../../core/client/replies.ts';
import { POD_FILTER } from '../../core/pods/filter.ts';
import { type ArpPacket, decodeArp, encodeArp, ETHERTYPE_ARP } from '../../core/wire/arp.ts';
import { BROADCAST_MAC, decodeFrame, encodeFrame, VNET_HEADER } from '../../core/wire/frame.ts';
import { decodeMessage, type DhcpMessage, encodeMessage } from '../../core/wire/message.ts';

const ETHERTYPE_ALL = 0x0003;
const ETHERTYPE = 12;
const EVERYBODY = '255.255.255.255';

export type Heard =
  | { readonly tag: 'message'; readonly incoming: Incoming }
  | { readonly tag: 'arp'; readonly packet: ArpPacket };

/** Where a message goes, and in whose name. */
export interface Envelope {
  readonly sourceMac: string;
  readonly server: string | undefined;
  /** Hardware address on the way to the server. */
  readonly nextHop: string | undefined;
}

/** The network segment that pods have an address of, as a test may replace it. */
export interface Segment extends Disposable {
  send(message: DhcpMessage, envelope: Envelope): void;
  sendArp(packet: ArpPacket): void;
  receive(signal: AbortSignal): Promise<Heard>;
}

/**
 * The bridge, in the name of its pods. It sends through the bridge, so that other pods hear it too. A bridge hands a
 * frame for a pod to the pod's port or to all ports, and never to the host: replies are therefore read at the uplink,
 * where everything passes before the bridge takes it.
 */
export class BridgeSegment implements Segment {
  readonly #bridge: Channel;
  readonly #uplink: Channel;

  constructor(bridge: number, uplink: number) {
    // Of no protocol, so that it receives nothing.
    this.#bridge = openPacket({ ifindex: bridge, protocol: 0 });
    try {
      this.#uplink = openPacket({
        ifindex: uplink,
        protocol: ETHERTYPE_ALL,
        filter: POD_FILTER,
        vnetHeader: true,
        ignoreOutgoing: true,
      });
    } catch (error) {
      this.#bridge.close();
      throw error;
    }
  }

  send(message: DhcpMessage, { sourceMac, server, nextHop = BROADCAST_MAC }: Envelope): void {
    const frame = encodeFrame({
      sourceMac,
      targetMac: server === undefined ? BROADCAST_MAC : nextHop,
      source: message.ciaddr,
      target: server ?? EVERYBODY,
      payload: encodeMessage(message),
    });
    this.#bridge.send(frame.subarray(VNET_HEADER));
  }

  sendArp(packet: ArpPacket): void {
    this.#bridge.send(encodeArp(packet));
  }

  /** Receives what is for any of the pods. A malformed frame is a DecodeError and leaves the segment usable. */
  async receive(signal: AbortSignal): Promise<Heard> {
    const frame = await this.#uplink.receive(signal);
    const ethernet = frame.subarray(VNET_HEADER);
    const type = new DataView(ethernet.buffer, ethernet.byteOffset).getUint16(ETHERTYPE);
    if (type === ETHERTYPE_ARP) return { tag: 'arp', packet: decodeArp(ethernet) };
    const { source, sourceMac, payload } = decodeFrame(frame);
    return { tag: 'message', incoming: { message: decodeMessage(payload), source, sourceMac } };
  }

  [Symbol.dispose](): void {
    this.#bridge.close();
    this.#uplink.close();
  }
}
