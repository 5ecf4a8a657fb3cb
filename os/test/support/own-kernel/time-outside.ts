import { Netns } from '@kios/testkit';
import { startNtpServer } from '@kios/testkit/ntp';

import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';

/** QEMU's user network leads this address to the loopback of the namespace that it runs in. */
export const SERVER_SEEN_BY_GUEST = WORKSTATION_SEEN_BY_GUEST;
const LOOPBACK = '127.0.0.1';

/** A network namespace with nothing but a time server, which a guest whose QEMU runs in it reaches. */
export class TimeOutside implements AsyncDisposable {
  readonly #netns: Netns;

  private constructor(netns: Netns) {
    this.#netns = netns;
  }

  static async open(): Promise<TimeOutside> {
    const netns = await Netns.open('time');
    await startNtpServer(netns, LOOPBACK);
    return new TimeOutside(netns);
  }

  /** The options of a guest with a card from which only the time server is reached. */
  get guestOptions(): { readonly netns: string; readonly devices: readonly string[] } {
    const devices = ['-netdev', 'user,id=net0', '-device', 'virtio-net-pci,netdev=net0,romfile='];
    return { netns: this.#netns.name, devices };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#netns[Symbol.asyncDispose]();
  }
}
