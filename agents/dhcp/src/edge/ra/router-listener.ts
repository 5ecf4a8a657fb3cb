import type { Link } from '@kios/netlink';
import type { RouterFlags, RouterOptionBytes } from '@kios/netlink/routers';

import type { Millis } from '../../core/client/timing.ts';
import { chooseMode } from '../../core/ra/mode.ts';
import {
  afterSolicitation,
  DONE,
  ROUTERS_REPLY_WITHIN,
  type Soliciting,
  startSoliciting,
} from '../../core/ra/solicitation.ts';
import type { Mode } from '../../core/v6/client/model.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { bootTime } from '../kernel/clock.ts';
import type { Options6 } from '../v6/options6.ts';
import { AnnouncedResolvers } from './announced-resolvers.ts';
import { solicit } from './solicit.ts';

/** What the routers of one link say. The kernel keeps their flags, and their other options only this listener. */
export class RouterListener {
  readonly #link: Link;
  readonly #options: Options6;
  readonly #log: ClientPorts['log'];
  readonly #resolvers: AnnouncedResolvers;
  #flags: RouterFlags | undefined;
  #linkLocal: string | undefined;
  #soliciting: Soliciting = DONE;
  #isFirst = true;
  /** When routers that are still silent count as absent. */
  #quietAt: Millis = Infinity;

  constructor(link: Link, options: Options6, { files, log }: ClientPorts) {
    this.#link = link;
    this.#options = options;
    this.#log = log;
    this.#resolvers = new AnnouncedResolvers(link.name, options, files, log);
  }

  get wakeAt(): Millis {
    return Math.min(this.#resolvers.wakeAt, this.#soliciting.nextAt, this.#quietAt);
  }

  /** A router has announced itself since the link came up. */
  get isAnnounced(): boolean {
    return this.#flags?.received === true;
  }

  /** Whether the kernel's flags are to be read: it reports only changes of M and O, and not each announcement. */
  get isUnsure(): boolean {
    return this.#linkLocal !== undefined && !this.isAnnounced;
  }

  get mode(): Mode {
    const isQuiet = this.#linkLocal !== undefined && this.#quietAt === Infinity;
    return chooseMode(this.#options.dhcp6, this.#flags, isQuiet);
  }

  setFlags(flags: RouterFlags | undefined): void {
    const { managed = false, other = false } = flags ?? {};
    const before = { managed: false, other: false, ...this.#flags };
    this.#flags = flags;
    if (before.managed === managed && before.other === other) return;
    this.#log.info({ ev: 'router.flags', link: this.#link.name, managed, other });
  }

  /** The link can be used from this address; undefined when it cannot. */
  setLinkLocal(address: string | undefined): void {
    if (address === this.#linkLocal) return;
    this.#linkLocal = address;
    if (address === undefined) {
      this.#soliciting = DONE;
      this.#quietAt = Infinity;
      return;
    }
    this.#quietAt = bootTime() + ROUTERS_REPLY_WITHIN;
    // What routers said before this program ran is lost.
    if (this.#isFirst && this.isAnnounced) this.askAgain();
    this.#isFirst = false;
  }

  /** Asks routers for the options that were missed. */
  askAgain(): void {
    if (this.#options.fromRouters.dns) this.#soliciting = startSoliciting(bootTime());
  }

  /** Asks whoever is at the other end of the cable now: the kernel needs to hear from them too. */
  onCableBack(): void {
    if (this.#options.dhcp6 !== 'always') this.#soliciting = startSoliciting(bootTime());
  }

  async hear(said: RouterOptionBytes): Promise<void> {
    this.#soliciting = DONE;
    if (this.#options.fromRouters.dns) await this.#resolvers.learn(said, bootTime());
  }

  async onTimer(): Promise<void> {
    const now = bootTime();
    if (now >= this.#quietAt) this.#quietAt = Infinity;
    if (now >= this.#soliciting.nextAt) this.#solicit(now);
    if (now >= this.#resolvers.wakeAt) await this.#resolvers.publish(now);
  }

  #solicit(now: Millis): void {
    this.#soliciting = afterSolicitation(this.#soliciting, now);
    if (this.#linkLocal === undefined) return;
    solicit(this.#link, this.#linkLocal, this.#log);
  }
}
