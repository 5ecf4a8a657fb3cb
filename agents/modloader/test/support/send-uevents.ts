import { openNetlink } from '@kios/syscall';

import { netlinkAddress } from './netlink-address.ts';

const NETLINK_KOBJECT_UEVENT = 15;
const NLMSG_MIN_TYPE = 0x10;
const NLM_F_REQUEST = 1;
const HEADER = 16;
const KERNEL = netlinkAddress(0, 0);
const GROUP = netlinkAddress(0, 1);

/** Sends device events into this network namespace. Needs root. */
export class UeventSender implements Disposable {
  readonly #channel = openNetlink(NETLINK_KOBJECT_UEVENT, []);

  /**
   * Has the kernel send a message to everybody who listens to its events, whatever it says. It does that for whoever
   * has CAP_SYS_ADMIN over the namespace, and adds a variable SEQNUM (uevent_net_rcv_skb in lib/kobject_uevent.c).
   */
  byKernel(text: string): void {
    const body = Buffer.from(text);
    const message = Buffer.alloc(HEADER + body.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt16LE(NLMSG_MIN_TYPE, 4);
    message.writeUInt16LE(NLM_F_REQUEST, 6);
    message.set(body, HEADER);
    this.#channel.send(message, KERNEL);
  }

  /** Sends a message to the same listeners as a program, as udev does. */
  byProgram(message: Uint8Array): void {
    this.#channel.send(message, GROUP);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
