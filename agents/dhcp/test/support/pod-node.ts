import { createLogger } from '@kios/agent';
import { SyscallError } from '@kios/syscall';

import type { BoundLease } from '../../src/core/client/model.ts';
import type { DhcpMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { PodLeases } from '../../src/edge/pods/pod-leases.ts';
import { PodStore } from '../../src/edge/pods/pod-store.ts';
import type { Segment } from '../../src/edge/pods/segment.ts';
import { Drops } from '../../src/edge/sockets/receivers.ts';
import { GRANT, message, SERVER, SERVER_MAC } from './fixtures.ts';

/** The hardware address of the pod. */
export const POD_MAC = '02:00:00:00:00:01';
export const POD = {
  network: 'lan',
  container: 'c1',
  interface: 'eth0',
  namespace: 'default',
  pod: 'web',
};
export const HOST_MAC = '52:54:00:00:00:01';
const quiet = { send: () => {}, close: () => Promise.resolve() };

/** A node with pods, on a segment whose server and time a test controls. */
export class PodNode {
  readonly sent: { message: DhcpMessage; sourceMac: string }[] = [];
  readonly ports: string[] = [];
  readonly logged: string[] = [];
  now = 0;
  /** How the kernel refuses what is sent. */
  refusal: string | undefined;
  readonly #folder: string;
  readonly #log = createLogger('dhcp', {
    console: quiet,
    stdout: { write: (line) => this.logged.push(line) },
  });

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts an instance of the agent. */
  async start(bootId = 'boot'): Promise<PodLeases> {
    const segment: Segment = {
      send: (sent, { sourceMac }) => {
        this.#pass();
        this.sent.push({ message: sent, sourceMac });
      },
      sendArp: () => this.#pass(),
      receive: () => new Promise(() => undefined),
      [Symbol.dispose]: () => undefined,
    };
    const leases = new PodLeases({
      segment,
      store: await PodStore.open(this.#folder, this.#log),
      log: this.#log,
      drops: new Drops(this.#log, 'br0', 'warn'),
      bootId,
      minLeaseSeconds: 60,
      hostMac: HOST_MAC,
      clocks: () => ({ now: this.now, wall: 1e12 + this.now }),
      entropy: () => ({ xid: 7, jitter: 0.5 }),
      connect: async (port, on) => {
        this.ports.push(`${port} ${on ? 'open' : 'closed'}`);
      },
    });
    await leases.resume();
    return leases;
  }

  #pass(): void {
    if (this.refusal !== undefined) throw new SyscallError('sendto', this.refusal, 'send');
  }

  /** Lets the server reply to the pod. */
  async reply(leases: PodLeases, kind: 'offer' | 'ack' | 'nak', address: string): Promise<void> {
    const options = kind === 'nak' ? [entry(OPTIONS.serverId, SERVER)] : GRANT;
    const answer = message(TYPE[kind], options, { chaddr: POD_MAC, xid: 7, yiaddr: address });
    const incoming = { message: answer, source: SERVER, sourceMac: SERVER_MAC };
    await leases.onHeard({ tag: 'message', incoming });
  }

  /** Lets time pass, with the timers that are due. */
  async pass(leases: PodLeases, milliseconds: number): Promise<void> {
    const until = this.now + milliseconds;
    for (let due = leases.wakeTime; due !== undefined && due <= until; due = leases.wakeTime) {
      this.now = Math.max(this.now, due);
      await leases.onTimer();
    }
    this.now = until;
  }

  /** Starts a pod and grants it an address. */
  async grant(leases: PodLeases, address: string): Promise<string | undefined> {
    const given: BoundLease[] = [];
    await leases.add(POD_MAC, POD, (held) => given.push(held));
    await this.reply(leases, 'offer', address);
    await this.reply(leases, 'ack', address);
    if (given.length > 0) throw new Error('the address was given before it was probed for');
    await this.pass(leases, 2000);
    await leases.attach(POD, 'veth1');
    return given[0]?.lease.address;
  }
}
