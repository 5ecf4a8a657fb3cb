import { type Address, ADDRESS_FLAG, familyOf, type LinkChange, type Route } from '@kios/netlink';
import type { Rule } from '@kios/netlink/rules';
import {
  type Cidr,
  contains,
  formatCidr,
  networkOf,
  parseCidr,
  parseIp,
} from '@kios/network-config/ip';

import { STATIC } from '../../../src/core/kernel/marks.ts';
import {
  type Present,
  type PresentLink,
  type StaticStep,
  sysctlKey,
} from '../../../src/core/network/static/model.ts';

const KERNEL = 2;
const KERNEL_LINK_LOCAL = 3;
const ROUTER_ANNOUNCEMENT = 9;

export const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no prefix: ${text}`);
  return parsed;
};

const isV6 = (text: string): boolean => familyOf(text) === 'ipv6';
const subnetOf = ({ address, prefix }: Address): string =>
  formatCidr(networkOf(cidr(`${address}/${prefix}`)));
const keyOf = ({ table, dst, metric }: Route): string => `${table} ${dst} ${metric}`;
const isReject = ({ type }: Route): boolean => type !== undefined && type !== 'local';
/** Routes through a gateway of which the kernel would make one, if they have one destination and metric. */
const isJoinable = (route: Route): boolean =>
  isV6(route.dst) &&
  route.protocol !== ROUTER_ANNOUNCEMENT &&
  (route.via !== undefined || (route.ifindex === 0 && !isReject(route)));
const capped = (value: number | undefined, most: number): number | undefined =>
  value === undefined || value === 0 ? undefined : Math.min(value, most);
/** Returns the route with its metrics as the kernel keeps them. */
const asKept = (route: Route): Route => ({
  ...route,
  mtu: capped(route.mtu, 65_520),
  advmss: capped(route.advmss, 65_495),
  initcwnd: capped(route.initcwnd, Infinity),
});
const nextHopOf = ({ ifindex, via }: Route): string => `${ifindex} ${via}`;
const wordsOf = ({ priority, protocol, ...rule }: Rule): string =>
  JSON.stringify([rule.family, rule.from, rule.to, rule.table, rule.mark, rule.typeOfService]) +
  `${priority} ${protocol}`;

/** Addresses, routes and rules in memory, with those of the kernel's rules that a plan has to heed. */
export class ModelIp {
  addresses: Address[] = [];
  routes: Route[] = [];
  rules: Rule[] = [];
  /** What the steps did to things of others. */
  readonly violations: string[] = [];
  links: PresentLink[];
  readonly #sysctls: Map<string, string>;
  readonly #canWrite: boolean;
  readonly #promoting = new Set<number>();
  #priority = 32_766;

  /** `eth0` is up, `eth1` perhaps. */
  constructor(isUp: boolean, canWrite: boolean) {
    const ipv6 = { generation: 'eui64', token: '::' } as const;
    this.links = [
      { index: 2, name: 'eth0', up: true, ipv6 },
      { index: 3, name: 'eth1', up: isUp, ipv6 },
    ];
    const values = this.links.map(({ name }) => [sysctlKey(name, 'addr_gen_mode'), '0'] as const);
    this.#sysctls = new Map(values);
    this.#canWrite = canWrite;
  }

  get present(): Present {
    const { links, addresses, routes, rules } = this;
    const sysctls = this.#sysctls;
    return { links, addresses, routes, rules, sysctls, canWrite: this.#canWrite };
  }

  readonly #isUp = (ifindex: number): boolean =>
    this.links.some(({ index, up }) => index === ifindex && up);

  #changeSetting(step: Extract<StaticStep, { tag: 'change-link' | 'set-sysctl' }>): void {
    if (step.tag === 'change-link') this.#changeLink(step.link.index, step.change);
    else this.#sysctls.set(sysctlKey(step.link, step.setting), step.value);
  }

  #changeLink(index: number, { generation, token, promoteSecondaries }: LinkChange): void {
    if (promoteSecondaries === true) this.#promoting.add(index);
    this.links = this.links.map((link) => {
      if (link.index !== index || link.ipv6 === undefined) return link;
      const ipv6 = {
        generation: generation ?? link.ipv6.generation,
        token: token ?? link.ipv6.token,
      };
      return { ...link, ipv6 };
    });
  }

  /** Other hosts have not replied: addresses are used from now on. */
  endDuplicateDetection(): void {
    this.addresses = this.addresses.map((each) => ({ ...each, flags: 0 }));
  }

  carryOut(step: StaticStep): void {
    switch (step.tag) {
      case 'change-link':
      case 'set-sysctl':
        return this.#changeSetting(step);
      case 'set-address':
        return this.setAddress(step.address);
      case 'delete-address':
        return this.#deleteAddress(step.address);
      case 'add-route':
        return this.addRoute(step.route, step.beside);
      case 'replace-route':
        return this.#replaceRoute(step.route);
      case 'delete-route':
        return this.#deleteRoute(step.route);
      case 'add-rule':
        return this.addRule(step.rule);
      case 'delete-rule':
        return this.#deleteRule(step.rule);
    }
  }

  setAddress(address: Address): void {
    const six = isV6(address.address);
    const there = this.addresses.find(
      (each) =>
        each.ifindex === address.ifindex &&
        each.address === address.address &&
        (six || each.prefix === address.prefix),
    );
    if (there !== undefined) {
      const { prefix, label, broadcast, flags } = there;
      const next = { ...address, prefix, label, broadcast, flags };
      this.addresses = this.addresses.map((each) => (each === there ? next : each));
      return;
    }
    this.addresses.push({ ...address, flags: six ? ADDRESS_FLAG.tentative : 0 });
    this.#addPrefixRoute(address);
  }

  #addPrefixRoute(address: Address): void {
    const dst = subnetOf(address);
    if (dst.endsWith(isV6(dst) ? '/128' : '/32')) return;
    const six = isV6(dst);
    const route: Route = {
      dst,
      ifindex: address.ifindex,
      prefsrc: six ? undefined : address.address,
      metric: address.metric ?? (six ? 256 : 0),
      protocol: KERNEL,
      scope: six ? 0 : 253,
    };
    const isThere = this.routes.some(
      (each) => keyOf(each) === keyOf(route) && each.ifindex === route.ifindex,
    );
    if (this.#isUp(address.ifindex) && !isThere) this.routes.push(route);
  }

  #deleteAddress(address: Address): void {
    const at = this.addresses.findIndex(
      (each) =>
        each.ifindex === address.ifindex &&
        each.address === address.address &&
        each.prefix === address.prefix,
    );
    const there = this.addresses[at];
    if (there === undefined) return;
    if (there.protocol !== STATIC && there.protocol !== KERNEL_LINK_LOCAL)
      this.violations.push(`deleted address ${there.address} of ${there.protocol}`);
    this.#drop(there);
  }

  #drop(there: Address): void {
    const { ifindex, address } = there;
    const isNeighbour = (each: Address): boolean =>
      each !== there && each.ifindex === ifindex && subnetOf(each) === subnetOf(there);
    const neighbours = this.addresses.filter(isNeighbour);
    this.addresses = this.addresses.filter((each) => each !== there);
    this.routes = this.routes.filter(
      (route) =>
        route.protocol !== KERNEL || route.dst !== subnetOf(there) || route.ifindex !== ifindex,
    );
    const isGone = !this.addresses.some((each) => each.address === address);
    if (isV6(address)) {
      if (isGone)
        this.routes = this.routes.map((route) =>
          route.prefsrc === address ? { ...route, prefsrc: undefined } : route,
        );
    } else {
      if (isGone) this.routes = this.routes.filter(({ prefsrc }) => prefsrc !== address);
      if (!this.#promoting.has(ifindex) && neighbours.length > 0)
        this.violations.push(`no promotion on ${ifindex}`);
      const isLast = !this.addresses.some(
        (each) => each.ifindex === ifindex && !isV6(each.address),
      );
      if (isLast)
        this.routes = this.routes.filter((each) => each.ifindex !== ifindex || isV6(each.dst));
    }
    for (const neighbour of neighbours.slice(0, 1)) this.#addPrefixRoute(neighbour);
  }

  /** Fails as the kernel does for a route that cannot be. */
  #check({ via, prefsrc, ifindex, onLink }: Route): void {
    if (ifindex !== 0 && !this.#isUp(ifindex)) throw new Error(`ENETDOWN ${ifindex}`);
    if (via !== undefined && onLink !== true && !this.#isOnLink(via, ifindex))
      throw new Error(`ENETUNREACH ${via}`);
    const isSource = this.addresses.some(
      (each) => each.address === prefsrc && !((each.flags ?? 0) & ADDRESS_FLAG.tentative),
    );
    if (prefsrc !== undefined && !isSource) throw new Error(`EINVAL ${prefsrc}`);
  }

  #isOnLink(via: string, ifindex: number): boolean {
    const gateway = parseIp(via);
    if (gateway === undefined) return false;
    return (
      contains(cidr('fe80::/10'), gateway) ||
      this.routes.some(
        (route) =>
          route.ifindex === ifindex &&
          route.via === undefined &&
          !route.dst.endsWith('/0') &&
          contains(cidr(route.dst), gateway),
      )
    );
  }

  addRoute(route: Route, beside: boolean): void {
    this.#check(route);
    const holders = this.routes.filter((each) => keyOf(each) === keyOf(route));
    if (holders.length > 0 && !beside) throw new Error(`EEXIST ${route.dst}`);
    const isDouble = holders.some(
      (each) =>
        nextHopOf(each) === nextHopOf(route) && (isV6(route.dst) || each.type === route.type),
    );
    if (isDouble) throw new Error(`EEXIST ${route.dst}`);
    if (isJoinable(route) && holders.some(isJoinable))
      this.violations.push(`joined route ${route.dst}`);
    this.routes.push(asKept(route));
  }

  #replaceRoute(route: Route): void {
    this.#check(route);
    const holders = this.routes.filter((each) => keyOf(each) === keyOf(route));
    const like = holders.find((each) => isJoinable(each) === isJoinable(route));
    const hit = isV6(route.dst) ? (like ?? holders[0]) : holders[0];
    if (hit !== undefined && hit.protocol !== STATIC)
      this.violations.push(`replaced route ${route.dst} of ${hit.protocol}`);
    this.routes = [...this.routes.filter((each) => each !== hit), asKept(route)];
  }

  #deleteRoute(route: Route): void {
    // Of IPv4 a metric of 0 is any.
    const isIt = (each: Route): boolean =>
      keyOf({ ...each, metric: route.metric === 0 ? 0 : each.metric }) === keyOf(route) &&
      nextHopOf(each) === nextHopOf(route) &&
      each.protocol === route.protocol;
    const [hit] = this.routes.filter(isIt).toSorted((a, b) => a.metric - b.metric);
    if (hit !== undefined && hit.protocol !== STATIC)
      this.violations.push(`deleted route ${route.dst} of ${hit.protocol}`);
    this.routes = this.routes.filter((each) => each !== hit);
  }

  addRule(rule: Rule): void {
    const priority = rule.priority ?? (this.#priority -= 1);
    const next = { ...rule, priority };
    if (this.rules.some((each) => wordsOf(each) === wordsOf(next))) throw new Error('EEXIST rule');
    this.rules.push(next);
  }

  #deleteRule(rule: Rule): void {
    if (rule.protocol !== STATIC) this.violations.push(`deleted rule of ${rule.protocol}`);
    this.rules = this.rules.filter((each) => wordsOf(each) !== wordsOf(rule));
  }
}
