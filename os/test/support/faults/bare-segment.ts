import { Netns, startDnsmasq } from '@kios/testkit';
import { startNtpServer } from '@kios/testkit/ntp';

import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { NODE_ADDRESS } from '../../../src/lab/node.ts';
import { Border, SEGMENT } from '../relay/border.ts';

/** The MAC that QEMU gives each first card. */
const NODE_MAC = '52:54:00:12:34:56';
const OTHERS = '10.0.2.16,10.0.2.30,255.255.255.0,1h';

/** A segment with a router that leads nowhere. A test adds what else a network has, and takes it away. */
export class BareSegment implements AsyncDisposable {
  readonly border: Border;
  #twin: Netns | undefined;

  private constructor(border: Border) {
    this.border = border;
  }

  static async open(): Promise<BareSegment> {
    return new BareSegment(await Border.create({ ipv4: `${WORKSTATION_SEEN_BY_GUEST}/24` }));
  }

  /**
   * Starts a DHCP server, which grants the node its address, and names a name server that nobody is yet. Further
   * options are of dnsmasq's form.
   */
  async lease(...options: readonly string[]): Promise<void> {
    await startDnsmasq(this.border.netns, {
      interface: SEGMENT,
      range: OTHERS,
      options: [`option:dns-server,${WORKSTATION_SEEN_BY_GUEST}`, ...options],
      authoritative: true,
      extra: [`--dhcp-host=${NODE_MAC},${NODE_ADDRESS}`],
    });
  }

  /** Adds all that a node asks a network for: an address, names and the time. */
  async serveAll(): Promise<void> {
    await startNtpServer(this.border.netns, WORKSTATION_SEEN_BY_GUEST);
    await this.resolve();
    await this.lease(`option:ntp-server,${WORKSTATION_SEEN_BY_GUEST}`);
  }

  /** Starts the name server. It knows no name, and says so. */
  async resolve(): Promise<void> {
    const server = this.border.start('dnsmasq', [
      '--conf-file=/dev/null',
      '--keep-in-foreground',
      '--log-facility=-',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
      '--user=root',
      '--pid-file=',
      `--listen-address=${WORKSTATION_SEEN_BY_GUEST}`,
    ]);
    await server.expect('started');
  }

  /**
   * Has the router say nothing to the node, or speak again. A router that only left questions for its address without
   * reply would still be known by its own questions.
   */
  async silenceRouter(isSilent: boolean): Promise<void> {
    await this.border.exec('ip', 'link', 'set', SEGMENT, isSilent ? 'down' : 'up');
  }

  /** Adds another machine with the node's address. */
  async addTwin(): Promise<void> {
    const twin = await Netns.open('twin');
    this.#twin = twin;
    const peer = ['peer', 'name', 'eth0', 'netns', twin.name];
    await this.border.exec('ip', 'link', 'add', 'twin0', 'type', 'veth', ...peer);
    await this.border.exec('ip', 'link', 'set', 'twin0', 'master', SEGMENT, 'up');
    await twin.exec('ip', 'address', 'add', `${NODE_ADDRESS}/24`, 'dev', 'eth0');
    await twin.exec('ip', 'link', 'set', 'eth0', 'up');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#twin?.[Symbol.asyncDispose]();
    await this.border.close();
  }
}
