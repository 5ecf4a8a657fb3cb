import { startDnsmasq } from '@kios/testkit';
import { type NtpRule, type NtpServer, startNtpServer } from '@kios/testkit/ntp';

import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { NODE_ADDRESS } from '../../../src/lab/node.ts';
import { Border, SEGMENT } from '../relay/border.ts';

/** The time server that leases name. Nothing replies there until one is started. */
export const TIME_SERVER = WORKSTATION_SEEN_BY_GUEST;
/** Another address of the border, at which a server of NTS may run. */
export const NTS_SERVER = '10.0.2.7';

/** A segment whose DHCP server names a time server, and no server of names. */
export class TimeSegment implements AsyncDisposable {
  readonly border: Border;
  #server: NtpServer | undefined;

  private constructor(border: Border) {
    this.border = border;
  }

  /** The guest reaches this port of the workstation's 127.0.0.1, and gets `NODE_ADDRESS`. */
  static async open(apiPort: number): Promise<TimeSegment> {
    await using stack = new AsyncDisposableStack();
    const border = stack.use(await Border.create({ ipv4: `${WORKSTATION_SEEN_BY_GUEST}/24` }));
    await border.exec('ip', 'address', 'add', `${NTS_SERVER}/24`, 'dev', SEGMENT);
    await startDnsmasq(border.netns, {
      interface: SEGMENT,
      range: `${NODE_ADDRESS},${NODE_ADDRESS},255.255.255.0,1h`,
      options: [`option:ntp-server,${TIME_SERVER}`],
      authoritative: true,
    });
    await border.offer(apiPort);
    stack.move();
    return new TimeSegment(border);
  }

  /** Starts the time server, in place of the one before. */
  async serve(...rules: readonly NtpRule[]): Promise<NtpServer> {
    await this.#server?.stop();
    this.#server = await startNtpServer(this.border.netns, TIME_SERVER, rules);
    return this.#server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.border.close();
  }
}
