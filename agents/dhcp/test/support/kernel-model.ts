import { type Address, type Route, SCOPE } from '@kios/netlink';

import type { Change, Present } from '../../src/core/kernel/plan.ts';
import { isInPrefix, networkOf } from '../../src/core/lease/network.ts';

const RTPROT_KERNEL = 2;

/**
 * Returns the kernel's state after the changes, as Linux makes it: with an address comes a route to its subnet, a route
 * needs a gateway on the link and a source of this host, and with the last address of a link all its routes go.
 */
export const applyToModel = (present: Present, changes: readonly Change[]): Present =>
  changes.reduce(applyOne, present);

function applyOne(present: Present, change: Change): Present {
  switch (change.tag) {
    case 'change-link': {
      const { mtu = present.link.mtu } = change.change;
      return { ...present, link: { ...present.link, mtu } };
    }
    case 'set-address':
      return setAddress(present, change.address);
    case 'delete-address':
      return deleteAddress(present, change.address);
    case 'set-route':
      return setRoute(present, change.route, change.replaces === true);
    case 'delete-route':
      return { ...present, routes: present.routes.filter((each) => each !== change.route) };
    case 'skip-route':
      return present;
  }
}

function setAddress(present: Present, address: Address): Present {
  const there = present.addresses.find((each) => isSameAddress(each, address));
  if (there === undefined) {
    const added = { ...present, addresses: [...present.addresses, address] };
    return withSubnet(added, address, present.addresses);
  }
  // An existing address keeps its broadcast address. Another metric moves the route to its subnet.
  const changed = { ...address, broadcast: there.broadcast };
  const addresses = present.addresses.map((each) => (each === there ? changed : each));
  const routes = present.routes.map((each) =>
    isSubnetRoute(each, there) ? { ...each, metric: address.metric ?? 0 } : each,
  );
  return { ...present, addresses, routes };
}

/** A second address of a subnet brings no route. */
function withSubnet(present: Present, address: Address, before: readonly Address[]): Present {
  const isSecond = before.some(
    (each) =>
      each.ifindex === address.ifindex &&
      each.prefix === address.prefix &&
      isInPrefix(each.address, address.address, address.prefix),
  );
  const route = subnetRoute(address);
  if (isSecond || address.prefix === 32 || isTaken(present, route)) return present;
  return { ...present, routes: [...present.routes, route] };
}

const subnetRoute = ({ ifindex, address, prefix, metric = 0 }: Address): Route => ({
  dst: `${networkOf(address, prefix)}/${prefix}`,
  ifindex,
  prefsrc: address,
  metric,
  protocol: RTPROT_KERNEL,
  scope: SCOPE.link,
});

function isSubnetRoute(route: Route, address: Address): boolean {
  const wanted = subnetRoute(address);
  return (
    route.protocol === RTPROT_KERNEL &&
    route.ifindex === wanted.ifindex &&
    route.dst === wanted.dst &&
    route.prefsrc === wanted.prefsrc
  );
}

function deleteAddress(present: Present, address: Address): Present {
  const addresses = present.addresses.filter((each) => !isSameAddress(each, address));
  const onLink = addresses.filter(({ ifindex }) => ifindex === address.ifindex);
  if (onLink.length === 0) {
    const routes = present.routes.filter(({ ifindex }) => ifindex !== address.ifindex);
    return { ...present, addresses, routes };
  }
  const subnets = present.routes.filter((each) => isSubnetRoute(each, address));
  const kept = present.routes.filter(
    (each) => !subnets.includes(each) && !hasLostSource(each, address, addresses),
  );
  // The next address of the subnet is promoted, and its route follows.
  const promoted = onLink.find(
    (each) =>
      each.prefix === address.prefix && isInPrefix(each.address, address.address, address.prefix),
  );
  const rest = { ...present, addresses, routes: kept };
  return promoted === undefined || subnets.length === 0 ? rest : withSubnet(rest, promoted, []);
}

/** The kernel deletes the routes whose source is no address of this host any more. */
const hasLostSource = (
  { prefsrc }: Route,
  { address }: Address,
  rest: readonly Address[],
): boolean => prefsrc === address && !rest.some((each) => each.address === address);

function setRoute(present: Present, route: Route, replaces: boolean): Present {
  const first = present.routes.find(
    ({ dst, metric }) => dst === route.dst && metric === route.metric,
  );
  if (first !== undefined && !replaces) return present;
  if (!isAcceptable(present, route)) return present;
  if (first === undefined) return { ...present, routes: [...present.routes, route] };
  return { ...present, routes: present.routes.map((each) => (each === first ? route : each)) };
}

const isTaken = ({ routes }: Present, { dst, metric }: Route): boolean =>
  routes.some((each) => each.dst === dst && each.metric === metric);

/**
 * The source must be an address of this host, and a route of the link without a gateway must lead to the gateway. Of
 * routes through gateways and of other links the kernel knows nothing there: fib_check_nh() asks for scope link.
 */
function isAcceptable({ addresses, routes }: Present, route: Route): boolean {
  const { via, prefsrc, ifindex } = route;
  if (prefsrc !== undefined && !addresses.some(({ address }) => address === prefsrc)) return false;
  if (via === undefined) return true;
  if (addresses.some(({ address }) => address === via)) return false;
  return routes.some((each) => {
    const [network = '', prefix = '32'] = each.dst.split('/');
    const isOnLink = each.via === undefined && each.ifindex === ifindex;
    return isOnLink && isInPrefix(via, network, Number(prefix));
  });
}

const isSameAddress = (a: Address, b: Address): boolean =>
  a.ifindex === b.ifindex && a.address === b.address && a.prefix === b.prefix;
