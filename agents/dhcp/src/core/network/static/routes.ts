import { familyOf, type Route, TABLE } from '@kios/netlink';

import { STATIC } from '../../kernel/marks.ts';
import type { AddressPart } from './addresses.ts';
import { Ground } from './ground.ts';
import type { Lack, Part, Present, StaticLink } from './model.ts';
import { wantedRoutes } from './wanted.ts';

type RouteStep = Extract<Part['steps'][number], { readonly route: Route }>;

export interface RoutePart {
  readonly steps: readonly RouteStep[];
  /** Sets again what the kernel drops with the addresses that are deleted behind the routes. */
  readonly restored: readonly RouteStep[];
  readonly waiting: readonly Lack[];
  readonly obstacles: readonly Lack[];
}

const ROUTER_ANNOUNCEMENT = 9;

const isV6 = ({ dst }: Route): boolean => familyOf(dst) === 'ipv6';
const isWithoutLink = ({ type }: Route): boolean => type !== undefined && type !== 'local';

/** A route of ours that somebody gave a second gateway is no longer ours. */
const isOurs = (route: Route): boolean =>
  route.protocol === STATIC && (route.ifindex !== 0 || isWithoutLink(route));

const keyOf = ({ dst, metric, table = TABLE.main }: Route): string => `${table} ${dst} ${metric}`;

const FIELDS = [
  'via',
  'ifindex',
  'prefsrc',
  'scope',
  'type',
  'onLink',
  'mtu',
  'advmss',
  'initcwnd',
  'initrwnd',
] as const satisfies readonly (keyof Route)[];

const isSame = (a: Route, b: Route): boolean => FIELDS.every((field) => a[field] === b[field]);

/** Returns whether the kernel would make one route with several gateways of the two, or refuse the second. */
function isExclusive(there: Route, wanted: Route): boolean {
  if (!isV6(wanted)) return true;
  if (there.via === wanted.via && there.ifindex === wanted.ifindex) return true;
  const isOfSeveral = there.ifindex === 0 && !isWithoutLink(there);
  const isJoinable = there.via !== undefined && there.protocol !== ROUTER_ANNOUNCEMENT;
  return wanted.via !== undefined && (isOfSeveral || isJoinable);
}

class RoutePlanner {
  readonly steps: RouteStep[] = [];
  readonly restored: RouteStep[] = [];
  readonly waiting: Lack[] = [];
  readonly obstacles: Lack[] = [];
  readonly #present: readonly Route[];
  readonly #ground: Ground;
  /** Routes that may lead to a gateway. */
  readonly #others: readonly Route[];
  /** Links by the routes that they have got. */
  readonly #given = new Map<string, string>();

  constructor({ routes }: Present, ground: Ground, wanted: readonly Route[]) {
    this.#present = routes;
    this.#ground = ground;
    this.#others = [...routes.filter((route) => !isOurs(route)), ...wanted];
  }

  plan(wanted: Route, { link }: StaticLink): void {
    const lack = (why: string): Lack => ({ link: link.name, what: `route ${wanted.dst}`, why });
    const key = keyOf(wanted);
    const other = this.#given.get(key);
    if (other !== undefined) {
      this.obstacles.push(lack(`${other} has one of the same metric`));
      return;
    }
    this.#given.set(key, link.name);
    const holders = this.#present.filter((each) => keyOf(each) === key);
    if (this.#isThere(wanted, holders)) return;
    const isWithoutFamily = wanted.ifindex !== 0 && isV6(wanted) && link.ipv6 === undefined;
    const need = this.#needOf(wanted, link.up);
    if (isWithoutFamily) this.obstacles.push(lack('the link has no IPv6: is its MTU below 1280?'));
    else if (need !== undefined) this.waiting.push(lack(need));
    else if (!this.#set(wanted, holders))
      this.obstacles.push(lack('a route of another owner has its metric'));
  }

  /** Returns whether the route is there and stays. Another owner's, equal in everything, is as good as ours. */
  #isThere(wanted: Route, holders: readonly Route[]): boolean {
    if (this.#ground.isDropped(wanted) || this.#ground.isDroppedLate(wanted)) return false;
    const mine = holders.filter(isOurs);
    const same = [...mine, ...holders].find((each) => isSame(each, wanted));
    if (same !== undefined) this.#delete(mine.filter((each) => each !== same));
    return same !== undefined;
  }

  #needOf({ via, prefsrc, ifindex, onLink }: Route, isUp: boolean): string | undefined {
    if (ifindex !== 0 && !isUp) return 'the link is down';
    const isOpen = via !== undefined && onLink !== true;
    if (isOpen && !this.#ground.isReachable(via, ifindex, this.#others))
      return `nothing leads to ${via} yet`;
    if (prefsrc !== undefined && !this.#ground.isSource(prefsrc))
      return `the node does not have ${prefsrc} yet`;
    return undefined;
  }

  /** Returns false where another owner's route is in the way. */
  #set(wanted: Route, holders: readonly Route[]): boolean {
    const mine = holders.filter(isOurs);
    const others = holders.filter((each) => !isOurs(each));
    if (others.some((each) => isExclusive(each, wanted))) {
      this.#delete(mine);
      return false;
    }
    const add = { tag: 'add-route', route: wanted, beside: others.length > 0 } as const;
    // Of several routes the kernel replaces the first, whoever made it.
    if (others.length === 0 && mine.length === 1)
      this.steps.push({ tag: 'replace-route', route: wanted });
    else {
      this.#delete(mine);
      this.steps.push(add);
    }
    if (this.#ground.isDroppedLate(wanted)) this.restored.push(add);
    return true;
  }

  /** What the kernel has dropped is gone already: to delete it by a metric of 0 would take one of any metric. */
  #delete(routes: readonly Route[]): void {
    const there = routes.filter((route) => !this.#ground.isDropped(route));
    this.steps.push(...there.map((route) => ({ tag: 'delete-route', route }) as const));
  }

  /** Deletes what the file does not have. A route that waits leaves the old one of its kind in place. */
  clear(): void {
    this.#delete(this.#present.filter((each) => isOurs(each) && !this.#given.has(keyOf(each))));
  }
}

/** Plans the routes of all links together, because those that lead nowhere belong to none. */
export function planRoutes(
  links: readonly StaticLink[],
  present: Present,
  addresses: AddressPart,
): RoutePart {
  const all = links.flatMap((link) => wantedRoutes(link).map((route) => ({ route, link })));
  const ground = new Ground(present, addresses);
  const routes = all.map(({ route }) => route);
  const planner = new RoutePlanner(present, ground, routes);
  for (const { route, link } of all) planner.plan(route, link);
  planner.clear();
  const { steps, restored, waiting, obstacles } = planner;
  return { steps, restored, waiting, obstacles };
}
