import { SyscallError } from '@kios/syscall';

import {
  type Address,
  type Family,
  familyOf,
  type Kind,
  type Link,
  type LinkChange,
  type NetworkEvent,
  type Route,
  type Rtnetlink,
} from './index.ts';
import { isMain } from './route.ts';
import { describeRule, type Rule, type Rules } from './rules.ts';

/** What the kernel gives an IPv6 route without a metric. */
const METRIC_6 = 1024;

/** A kernel in memory: keeps links, addresses, routes and rules as the real one does, and notifies its followers. */
export class FakeRtnetlink implements Rtnetlink {
  readonly log: string[] = [];
  #links: Link[];
  #addresses: Address[] = [];
  #routes: Route[] = [];
  #rules: Rule[] = [];
  readonly #followers = new Set<(event: NetworkEvent) => void>();
  readonly #ruleFollowers = new Set<() => void>();

  constructor(links: readonly Link[] = []) {
    this.#links = [...links];
  }

  links = (): Promise<Link[]> => Promise.resolve([...this.#links]);

  addresses = (family: Family = 'ipv4'): Promise<Address[]> =>
    Promise.resolve(this.#addresses.filter(({ address }) => familyOf(address) === family));

  routes = async (family: Family = 'ipv4'): Promise<Route[]> =>
    (await this.allRoutes(family)).filter(isMain);

  allRoutes = (family: Family): Promise<Route[]> =>
    Promise.resolve(this.#routes.filter(({ dst }) => familyOf(dst) === family));

  /** Adds or changes a link, as a driver does. */
  putLink(link: Link): void {
    this.#links = [...this.#links.filter(({ index }) => index !== link.index), link];
    this.#notify({ tag: 'link', gone: false, link });
  }

  changeLink(index: number, change: LinkChange): Promise<void> {
    this.log.push(`link ${index} ${JSON.stringify(change)}`);
    const link = this.#links.find((each) => each.index === index);
    if (link === undefined) return Promise.reject(new Error(`no link ${index}`));
    const { up = link.up, mtu = link.mtu } = change;
    this.putLink({ ...link, up, mtu });
    return Promise.resolve();
  }

  replaceAddress(address: Address): Promise<void> {
    this.log.push(`address ${address.address}/${address.prefix}`);
    const same = this.#addresses.find((each) => isOneAddress(each, address));
    const { prefix, label } = same ?? address;
    const next = { ...address, prefix, label };
    this.#addresses = [...this.#addresses.filter((each) => each !== same), next];
    this.#notify({ tag: 'address', gone: false, address: next });
    return Promise.resolve();
  }

  deleteAddress(address: Address): Promise<void> {
    this.log.push(`no address ${address.address}/${address.prefix}`);
    const { ifindex } = address;
    this.#addresses = this.#addresses.filter((each) => !isSameAddress(each, address));
    this.#notify({ tag: 'address', gone: true, address });
    // The kernel flushes a link's IPv4 routes with its last IPv4 address.
    const isOfLink = ({ ifindex: own }: { ifindex: number }, text: string): boolean =>
      own === ifindex && familyOf(text) === 'ipv4';
    if (!this.#addresses.some((each) => isOfLink(each, each.address))) {
      this.#routes = this.#routes.filter((route) => !isOfLink(route, route.dst));
    }
    return Promise.resolve();
  }

  addRoute(route: Route, beside = false): Promise<void> {
    const key = keyOf(route);
    if (!beside && this.#routes.some((each) => keyOf(each) === key))
      return Promise.reject(new SyscallError('netlink', 'EEXIST', `add route ${route.dst}`));
    return this.#setRoute(route);
  }

  replaceRoute(route: Route): Promise<void> {
    const key = keyOf(route);
    const first = this.#routes.findIndex((each) => keyOf(each) === key);
    this.#routes = this.#routes.filter((_, at) => at !== first);
    return this.#setRoute(route);
  }

  #setRoute(route: Route): Promise<void> {
    this.log.push(`route ${route.dst} via ${route.via ?? 'link'}`);
    this.#routes = [...this.#routes, { ...route, metric: metricOf(route) }];
    this.#notify({ tag: 'route', gone: false, route });
    return Promise.resolve();
  }

  deleteRoute(route: Route): Promise<void> {
    this.log.push(`no route ${route.dst}`);
    const at = this.#routes.findIndex(
      (each) =>
        keyOf(each) === keyOf(route) &&
        each.via === route.via &&
        each.ifindex === route.ifindex &&
        each.protocol === route.protocol,
    );
    if (at < 0)
      return Promise.reject(new SyscallError('netlink', 'ESRCH', `delete route ${route.dst}`));
    this.#routes = this.#routes.filter((_, each) => each !== at);
    this.#notify({ tag: 'route', gone: true, route });
    return Promise.resolve();
  }

  /** The same kernel's rules. Those of the kernel itself are not among them. */
  readonly rules: Rules = {
    list: (family) => Promise.resolve(this.#rules.filter((rule) => rule.family === family)),
    add: (rule) => {
      const text = nameOf(rule);
      if (this.#rules.some((each) => nameOf(each) === text))
        return Promise.reject(new SyscallError('netlink', 'EEXIST', `add rule ${text}`));
      const least = Math.min(32_766, ...this.#rules.map(({ priority = 0 }) => priority));
      this.log.push(`rule ${text}`);
      this.#rules = [...this.#rules, { ...rule, priority: rule.priority ?? least - 1 }];
      this.#ruleChanged();
      return Promise.resolve();
    },
    delete: (rule) => {
      const text = nameOf(rule);
      const at = this.#rules.findIndex((each) => nameOf(each) === text);
      if (at < 0)
        return Promise.reject(new SyscallError('netlink', 'ENOENT', `delete rule ${text}`));
      this.log.push(`no rule ${text}`);
      this.#rules = this.#rules.filter((_, each) => each !== at);
      this.#ruleChanged();
      return Promise.resolve();
    },
    changes: (signal) => {
      const { queue, push } = queueUntil<void>(signal);
      this.#ruleFollowers.add(push);
      return queue;
    },
    [Symbol.dispose]: () => undefined,
  };

  events(signal: AbortSignal, kinds: readonly Kind[]): AsyncIterable<NetworkEvent> {
    const { queue, push } = queueUntil<NetworkEvent>(signal);
    const follower = (event: NetworkEvent): void => {
      if (event.tag === 'overrun' || kinds.includes(kindOf(event))) push(event);
    };
    this.#followers.add(follower);
    signal.addEventListener('abort', () => this.#followers.delete(follower), { once: true });
    return queue;
  }

  close(): void {
    this.#followers.clear();
    this.#ruleFollowers.clear();
  }

  #ruleChanged(): void {
    for (const follower of this.#ruleFollowers) follower();
  }

  #notify(event: NetworkEvent): void {
    for (const follower of this.#followers) follower(event);
  }
}

/** Returns a queue that ends with the signal, and what fills it. */
function queueUntil<Item>(signal: AbortSignal): {
  queue: AsyncIterable<Item>;
  push: (item: Item) => void;
} {
  const items: { readonly item: Item }[] = [];
  let wake = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => wake.resolve(), { once: true });
  async function* take(): AsyncGenerator<Item> {
    while (!signal.aborted) {
      const next = items.shift();
      if (next !== undefined) yield next.item;
      else {
        await wake.promise;
        if (!signal.aborted) wake = Promise.withResolvers<void>();
      }
    }
  }
  const push = (item: Item): void => {
    items.push({ item });
    wake.resolve();
  };
  return { queue: take(), push };
}

function kindOf(event: Exclude<NetworkEvent, { tag: 'overrun' }>): Kind {
  switch (event.tag) {
    case 'address':
      return familyOf(event.address.address) === 'ipv4' ? 'address' : 'address6';
    case 'route':
      return familyOf(event.route.dst) === 'ipv4' ? 'route' : 'route6';
    case 'link':
      return 'link';
  }
}

const isSameAddress = (a: Address, b: Address): boolean =>
  a.ifindex === b.ifindex && a.address === b.address && a.prefix === b.prefix;

/** An IPv6 address is on a link once, with whatever prefix length. */
const isOneAddress = (a: Address, b: Address): boolean =>
  familyOf(a.address) === 'ipv6'
    ? a.ifindex === b.ifindex && a.address === b.address
    : isSameAddress(a, b);

const metricOf = ({ dst, metric }: Route): number =>
  familyOf(dst) === 'ipv6' && metric === 0 ? METRIC_6 : metric;

const keyOf = (route: Route): string => `${route.table} ${route.dst} ${metricOf(route)}`;

const nameOf = (rule: Rule): string =>
  `${rule.family} ${describeRule(rule)} protocol ${rule.protocol}`;
