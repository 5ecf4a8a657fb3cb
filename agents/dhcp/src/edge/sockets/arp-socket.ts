import { type Channel, openPacket } from '@kios/syscall';

import { type ArpPacket, decodeArp, encodeArp, ETHERTYPE_ARP } from '../../core/wire/arp.ts';
import { arpFilter } from '../../core/wire/filter.ts';

/**
 * ARP about one address on one link, and replies of some neighbours. The kernel filters the rest, so that a busy
 * network does not wake the agent.
 */
export class ArpSocket implements Disposable {
  readonly #channel: Channel;
  readonly #address: string;
  readonly #neighbours: readonly string[];

  constructor(ifindex: number, address: string, neighbours: readonly string[]) {
    this.#address = address;
    this.#neighbours = neighbours;
    const filter = arpFilter(address, ...neighbours);
    this.#channel = openPacket({ ifindex, protocol: ETHERTYPE_ARP, filter });
  }

  serves(address: string | undefined, neighbours: readonly string[]): boolean {
    return address === this.#address && String(neighbours) === String(this.#neighbours);
  }

  send(packet: ArpPacket): void {
    this.#channel.send(encodeArp(packet));
  }

  async receive(signal: AbortSignal): Promise<ArpPacket> {
    return decodeArp(await this.#channel.receive(signal));
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
