import type { LeaseRoute } from '../wire/classless-routes.ts';
import { encodeWith } from '../wire/codec.ts';
import { OPTIONS, type OptionSet } from '../wire/options.ts';
import type { Limits } from './limits.ts';
import { canBeHost, usable } from './network.ts';

const DEFAULT_ROUTE = '0.0.0.0/0';

/** The ways out that a server names. */
export interface Ways {
  /** All routes, including the default route. */
  readonly routes: readonly LeaseRoute[];
  /** The second router of option 3, for the time when the first is gone. */
  readonly fallbackRouter: string | undefined;
}

/** Returns the gateways of the default route. */
export const gatewaysOf = (routes: readonly LeaseRoute[]): string[] =>
  routes.flatMap(({ dst, via }) => (dst === DEFAULT_ROUTE && via !== null ? [via] : []));

/**
 * Classless routes replace the router option; Microsoft's code counts where the standard one has none. RFC 3442. Where
 * a part of them is of no use and none is a default route, that of the router option counts beside them. A second
 * router does not count beside classless routes.
 */
export function readRoutes(
  options: OptionSet,
  address: string,
  prefix: number,
  limits: Limits,
): Ways {
  const classless = classlessOf(options, address, prefix);
  const [router, second] = routersOf(options, address, prefix);
  const fallback = router === undefined ? [] : [{ dst: DEFAULT_ROUTE, via: router }];
  // The kernel has room for one route to each destination.
  const routes = new Map<string, LeaseRoute>();
  const sent = classless?.routes ?? [];
  const isSentWhole = classless?.isWhole === true || sent.some(({ dst }) => dst === DEFAULT_ROUTE);
  for (const route of isSentWhole ? sent : [...fallback, ...sent])
    if (!routes.has(route.dst)) routes.set(route.dst, route);
  const all = [...routes.values()];
  const others = limits.first(
    'routes',
    all.filter(({ dst }) => dst !== DEFAULT_ROUTE),
  );
  return {
    routes: all.filter((route) => route.dst === DEFAULT_ROUTE || others.includes(route)),
    fallbackRouter: classless === undefined ? second : undefined,
  };
}

interface Classless {
  readonly routes: readonly LeaseRoute[];
  /** Whether they are all that the server sent. */
  readonly isWhole: boolean;
}

/** Returns the routes that can be used of the first option that has such. */
const classlessOf = (options: OptionSet, address: string, prefix: number): Classless | undefined =>
  [OPTIONS.classlessRoutes, OPTIONS.microsoftRoutes]
    .map((option) => readClassless(options, option, address, prefix))
    .find(({ routes }) => routes.length > 0);

function readClassless(
  options: OptionSet,
  option: typeof OPTIONS.classlessRoutes | typeof OPTIONS.microsoftRoutes,
  address: string,
  prefix: number,
): Classless {
  const sent = options.get(option) ?? [];
  const routes = sent.filter(
    ({ dst, via }) => hasHosts(dst, address) && (via === null || canRoute(via, address, prefix)),
  );
  const readable = encodeWith(option.codec, sent).length;
  const isWhole =
    routes.length === sent.length && readable === options.raw.get(option.code)?.length;
  return { routes, isWhole };
}

/** Returns whether hosts elsewhere can be in a destination: not this host alone, this network, or a loopback. */
function hasHosts(dst: string, address: string): boolean {
  const [network = '', prefix = '32'] = dst.split('/');
  if (dst === `${address}/32`) return false;
  return Number(prefix) < 8 || !/^(?:0|127)\./.test(network);
}

const canRoute = (router: string, address: string, prefix: number): boolean =>
  router !== address && canBeHost(router, address, prefix);

/** Returns the routers of option 3 that can route for the address. */
const routersOf = (options: OptionSet, address: string, prefix: number): readonly string[] =>
  usable(options.get(OPTIONS.routers)).filter((router) => canRoute(router, address, prefix));
