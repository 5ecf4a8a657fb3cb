import type { Path } from '../fault.ts';
import type { Link, Route } from '../model/model.ts';
import { wholeOf } from '../model/routes.ts';
import {
  type Cidr,
  contains,
  type Family,
  type Ip,
  parseCidr,
  parseIp,
  widthOf,
} from '../values/ip.ts';
import { type Context, pathTo, rawOf } from './context.ts';
import { isLoopback, whyNobody } from './nobody.ts';

const LINK_LOCAL: Cidr = { family: 6, value: 0xfe80n << 112n, prefix: 10 };
const ANY: Ip = { family: 4, value: 0n };

const cidrOf = (text: string): Cidr => parseCidr(text) ?? { ...ANY, prefix: 32 };
const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4);

/** The key in the file that a route comes from. */
function place(context: Context, link: Link, index: number): Path {
  const raw = rawOf(context, link);
  const written = raw.routes?.length ?? 0;
  if (index < written) return pathTo(link, 'routes', index);
  const isFirst = index === written && raw.gateway4 !== undefined;
  return pathTo(link, isFirst ? 'gateway4' : 'gateway6');
}

/** A link may have prefixes that no file knows. */
const learns = (link: Link, family: Family): boolean =>
  family === 4 ? link.dhcp4 !== undefined : link.dhcp6 !== undefined || link.acceptRa === true;

function isReachable(link: Link, via: Ip): boolean {
  if (contains(LINK_LOCAL, via) || learns(link, via.family)) return true;
  const direct = link.routes.filter((route) => route.via === undefined && route.type === 'unicast');
  const prefixes = [...link.addresses.map(({ address }) => address), ...direct.map(({ to }) => to)];
  return prefixes.some((prefix) => contains(cidrOf(prefix), via));
}

type Found = readonly [key: string, what: string, remedy: string];

/** Says why no router can have an address on the link. */
function whyNoRouter(link: Link, via: Ip): string | undefined {
  const own = link.addresses
    .map(({ address }) => cidrOf(address))
    .filter((address) => contains(address, via));
  if (own.some(({ value }) => value === via.value)) return "is the link's own address";
  const ways = own.map(({ prefix }) => ({ ...via, prefix }));
  const all = [{ ...via, prefix: widthOf(via.family) }, ...ways];
  if (all.some(isLoopback)) return 'is an address of the loopback';
  return all.map(whyNobody).find((why) => why !== undefined);
}

function gatewayFaults(context: Context, link: Link, route: Route): Found[] {
  const via = parseIp(route.via ?? '');
  if (via === undefined) return [];
  const why = whyNoRouter(link, via);
  if (why !== undefined)
    return [['via', `${why}: ${route.via}`, 'Write the address of the router.']];
  if (route.onLink || isReachable(link, via) || context.damaged.has(link.id)) return [];
  const what = `is outside of every prefix of the link: ${route.via}`;
  return [['via', what, 'Correct the prefix length, or write the route with on-link: true.']];
}

function familyFaults({ to, via, from }: Route): Found[] {
  const what = 'is of another family than the destination';
  const remedy = 'Write both as IPv4 or both as IPv6.';
  return Object.entries({ via, from }).flatMap(([key, address]) =>
    address === undefined || familyOf(address) === familyOf(to)
      ? []
      : [[key, `${what}: ${address}`, remedy] as const],
  );
}

function gatewayFormFaults({ type, scope }: Route): Found[] {
  const faults: Found[] = [];
  if (type !== 'unicast')
    faults.push(['via', `has no meaning for the type ${type}`, 'Remove via or type.']);
  if (scope !== undefined && scope !== 'global')
    faults.push(['scope', 'contradicts via', 'Remove scope or via.']);
  return faults;
}

function formFaults(route: Route): Found[] {
  const { to, type, via, scope, onLink } = route;
  if (via !== undefined) return gatewayFormFaults(route);
  if (onLink) return [['on-link', 'has no gateway', 'Add via.']];
  // As in netplan, a network without a gateway is on the link. Of every address that is hardly ever meant.
  const isMeant = scope === 'link' || (scope === undefined && !to.endsWith('/0'));
  const remedy = 'Add via, or scope: link for what is on the link itself.';
  return type === 'unicast' && !isMeant ? [['to', 'has no gateway', remedy]] : [];
}

/** The kernel's table for routes without one: linux/rtnetlink.h. */
const MAIN_TABLE = 254;

const sameRoute = (route: Route): string =>
  [route.to, route.table ?? MAIN_TABLE, route.metric ?? 'none'].join(' ');

function checkRoute(context: Context, link: Link, route: Route, path: Path): void {
  const isKey = path.length === 4;
  const found = [
    ...formFaults(route),
    ...familyFaults(route),
    ...gatewayFaults(context, link, route),
  ];
  for (const [key, what, remedy] of found)
    context.report(isKey && path[3] !== 'routes' ? path : [...path, key], what, remedy);
}

function checkRules(context: Context, link: Link): void {
  for (const [index, { from, to }] of link.rules.entries()) {
    const path = pathTo(link, 'routing-policy', index);
    if (from === undefined && to === undefined)
      context.report(path, 'has neither from nor to', 'Add one of them.');
    else if (from !== undefined && to !== undefined && familyOf(from) !== familyOf(to))
      context.report(
        [...path, 'to'],
        'is of another family than from',
        'Write both as IPv4 or both as IPv6.',
      );
  }
}

/** A default route without a gateway does not tell its family. */
function checkDefault(context: Context, link: Link, index: number): boolean {
  const written = rawOf(context, link).routes?.[index];
  const isOpen =
    written?.to === 'default' && written.via === undefined && written.from === undefined;
  if (isOpen)
    context.report(
      pathTo(link, 'routes', index, 'to'),
      'does not tell its family',
      'Add via, or write 0.0.0.0/0 or ::/0.',
    );
  return isOpen;
}

/** Checks routes and rules. */
export function checkRoutes(context: Context): void {
  /** Two links may have routes of one metric only where the link's own metric tells them apart. */
  const taken = new Map<string, string>();
  for (const link of context.links) {
    checkRules(context, link);
    const own = new Map<string, string>();
    for (const [index, route] of link.routes.entries()) {
      if (checkDefault(context, link, index)) continue;
      const path = place(context, link, index);
      checkRoute(context, link, route, path);
      const same = sameRoute(route);
      // What says the same again does no harm.
      if (own.get(same) === wholeOf(route)) continue;
      const other = route.metric === undefined ? undefined : taken.get(same);
      const remedy = 'Give them different metrics or tables, or remove one.';
      if (own.has(same)) context.report(path, `is there twice: ${route.to}`, remedy);
      else if (other !== undefined)
        context.report(
          path,
          `has the destination and metric of a route of ${other}: ${route.to}`,
          remedy,
        );
      own.set(same, wholeOf(route));
      taken.set(same, link.id);
    }
  }
}
