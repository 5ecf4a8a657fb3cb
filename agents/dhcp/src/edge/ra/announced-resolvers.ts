import type { Logger } from '@kios/agent';
import { DecodeError } from '@kios/bytes';
import type { RouterOptionBytes } from '@kios/netlink/routers';

import type { Millis } from '../../core/client/timing.ts';
import { decodeUserOptions } from '../../core/ra/advertisement.ts';
import {
  learnResolvers,
  NO_RESOLVERS,
  type Resolvers,
  resolversAt,
  resolversEnd,
} from '../../core/ra/resolvers.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';
import type { Options6 } from '../v6/options6.ts';

/** Keeps the name servers that the routers of one link announce in resolv.conf, for as long as each of them said. */
export class AnnouncedResolvers {
  readonly #link: string;
  readonly #options: Pick<Options6, 'metric' | 'fromRouters'>;
  readonly #files: LeaseFiles;
  readonly #log: Logger;
  #known: Resolvers = NO_RESOLVERS;
  #written = JSON.stringify({ dns: [], search: [] });

  constructor(
    link: string,
    options: Pick<Options6, 'metric' | 'fromRouters'>,
    files: LeaseFiles,
    log: Logger,
  ) {
    this.#link = link;
    this.#options = options;
    this.#files = files;
    this.#log = log;
  }

  /** When the next of them runs out. */
  get wakeAt(): Millis {
    return resolversEnd(this.#known) ?? Infinity;
  }

  /** Takes in the options of one announcement. A malformed one is ignored, as the whole announcement would be. */
  async learn({ router, options }: RouterOptionBytes, now: Millis): Promise<void> {
    try {
      this.#known = learnResolvers(this.#known, router, decodeUserOptions(options), now);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return;
    }
    await this.publish(now);
  }

  /** Writes what is valid now, if that has changed. */
  async publish(now: Millis): Promise<void> {
    const { servers, domains } = this.#known;
    this.#known = {
      servers: servers.filter(({ until }) => until > now),
      domains: domains.filter(({ until }) => until > now),
    };
    const { metric, fromRouters } = this.#options;
    const { dns, search } = resolversAt(this.#known, this.#link, now);
    const resolver = { dns, search: fromRouters.domains ? search : [] };
    const text = JSON.stringify(resolver);
    if (text === this.#written) return;
    const link = this.#link;
    try {
      await this.#files.publishOf('routers', { link, metric, ...resolver });
      this.#written = text;
      this.#log.info({ ev: 'router.dns', link, ...resolver });
    } catch (err) {
      this.#log.error({ ev: 'dns.fail', link, err });
    }
  }
}
