import { type Channel, openPacket } from '@kios/syscall';

import { type ArpPacket, decodeArp, encodeArp, ETHERTYPE_ARP } from '../../core/wire/arp.ts';
import { arpFilter } from '../../core/wire/filter.ts';

/** ARP about one address on one link. The kernel filters the rest, so that a busy network does not wake the agent. */
export class ArpSocket implements Disposable {
  readonly #channel: Channel;
  readonly #address: string;
  readonly #neighbour: string | undefined;

  constructor(ifindex: number, address: string, neighbour: string | undefined) {
    this.#address = address;
    this.#neighbour = neighbour;
    const filter = arpFilter(address, neighbour ?? address);
    this.#channel = openPacket({ ifindex, protocol: ETHERTYPE_ARP, filter });
  }

  serves(address: string | undefined, neighbour: string | undefined): boolean {
    return address === this.#address && neighbour === this.#neighbour;
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
