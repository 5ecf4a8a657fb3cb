import {
  type Address,
  ADDRESS_FLAG,
  FOREVER,
  type Route,
  type Rtnetlink,
} from '../../src/index.ts';
import { describeRule, type Rule, type Rules } from '../../src/rules.ts';

const OURS = 107;
const OTHER = 4;
export const TABLE = 4_077;

const address = (ifindex: number, text: string, more: Partial<Address> = {}): Address => {
  const [host = '', prefix = ''] = text.split('/');
  const lifetimes = { validSeconds: FOREVER, preferredSeconds: FOREVER };
  return {
    ifindex,
    address: host,
    prefix: +prefix,
    scope: 0,
    protocol: OURS,
    ...lifetimes,
    ...more,
  };
};

const route = (ifindex: number, dst: string, more: Partial<Route> = {}): Route => ({
  dst,
  ifindex,
  metric: 50,
  protocol: OURS,
  scope: 0,
  table: TABLE,
  ...more,
});

const rule = (more: Partial<Rule>): Rule => ({
  family: 'ipv4',
  table: TABLE,
  priority: 3000,
  protocol: OURS,
  ...more,
});

/** Runs a step. Returns the name of the error that the kernel refuses it with. */
async function errorOf(step: Promise<void>): Promise<string> {
  try {
    await step;
    return 'done';
  } catch (error) {
    return /E[A-Z]+/.exec(String(error))?.[0] ?? String(error);
  }
}

/** What a kernel has and reported after the story below. */
export interface Outcome {
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly rules: readonly string[];
  readonly refusals: readonly string[];
}

/** Addresses, routes and rules of both families on a link that is up. The kernel and the fake must agree. */
export async function playStory(
  rtnetlink: Rtnetlink,
  rules: Rules,
  link: number,
): Promise<Outcome> {
  const refusals: string[] = [];
  const attempt = async (step: Promise<void>): Promise<void> => {
    refusals.push(await errorOf(step));
  };
  const noDad = ADDRESS_FLAG.noDad;

  // An address of each family, one that is deprecated, and one that somebody else made.
  await rtnetlink.replaceAddress(address(link, '10.77.0.5/24'));
  await rtnetlink.replaceAddress(address(link, '2001:db8:77::5/64', { flags: noDad, protocol: 0 }));
  await rtnetlink.replaceAddress(address(link, '2001:db8:77::5/48', { flags: noDad }));
  await rtnetlink.replaceAddress(
    address(link, '2001:db8:77::6/64', { flags: noDad, preferredSeconds: 0 }),
  );

  // Routes of another table, with all that they can have, and some without a link.
  await rtnetlink.addRoute(
    route(link, '0.0.0.0/0', { via: '10.77.0.1', prefsrc: '10.77.0.5', mtu: 1400, advmss: 1300 }),
  );
  await attempt(rtnetlink.addRoute(route(link, '0.0.0.0/0', { via: '10.77.0.2' })));
  await rtnetlink.addRoute(route(0, '192.0.2.0/24', { type: 'blackhole' }));
  await rtnetlink.addRoute(
    route(link, '::/0', { via: '2001:db8:77:1::1', onLink: true, initcwnd: 20, initrwnd: 30 }),
  );
  await attempt(rtnetlink.addRoute(route(link, '::/0', { via: '2001:db8:77::2' })));
  await rtnetlink.replaceRoute(route(link, '2001:db8:1::/48', { via: '2001:db8:77::2' }));
  await rtnetlink.replaceRoute(
    route(link, '2001:db8:1::/48', { via: '2001:db8:77::3', prefsrc: '2001:db8:77::5' }),
  );
  await rtnetlink.addRoute(route(0, '2001:db8:2::/48', { type: 'unreachable', metric: 0 }));
  await rtnetlink.addRoute(route(link, '2001:db8:3::/48', { protocol: OTHER }));
  await rtnetlink.addRoute(route(link, '2001:db8:3::/48', { via: '2001:db8:77::2' }), true);
  await rtnetlink.deleteRoute(route(link, '2001:db8:3::/48', { via: '2001:db8:77::2' }));
  await attempt(rtnetlink.deleteRoute(route(link, '2001:db8:3::/48')));

  // Rules of one wording and two makers.
  await rules.add(rule({ from: '10.77.0.5/32' }));
  await attempt(rules.add(rule({ from: '10.77.0.5/32' })));
  await rules.add(rule({ from: '10.77.0.5/32', protocol: OTHER }));
  await rules.add(rule({ to: '192.0.2.0/24', mark: 0, typeOfService: 16, priority: 3001 }));
  await rules.add(rule({ family: 'ipv6', from: '2001:db8:77::/64', mark: 5 }));
  await rules.delete(rule({ from: '10.77.0.5/32' }));
  await attempt(rules.delete(rule({ from: '10.77.0.5/32' })));

  return { ...(await read(rtnetlink, rules, link)), refusals };
}

async function read(
  rtnetlink: Rtnetlink,
  rules: Rules,
  link: number,
): Promise<Omit<Outcome, 'refusals'>> {
  const addresses = [...(await rtnetlink.addresses()), ...(await rtnetlink.addresses('ipv6'))];
  const routes = [
    ...(await rtnetlink.allRoutes('ipv4')),
    ...(await rtnetlink.allRoutes('ipv6')),
  ].filter(({ table }) => table === TABLE);
  const policy = [...(await rules.list('ipv4')), ...(await rules.list('ipv6'))];
  return {
    addresses: addresses
      .filter((each) => each.ifindex === link && each.protocol === OURS)
      .map(({ address, prefix, preferredSeconds }) => `${address}/${prefix} ${preferredSeconds}`)
      .toSorted(),
    routes: routes.map(describeRoute).toSorted(),
    rules: policy
      .filter(({ table }) => table === TABLE)
      .map((rule) => `${describeRule(rule)} protocol ${rule.protocol}`)
      .toSorted(),
  };
}

const describeRoute = (route: Route): string => {
  const fields = { ...route, table: undefined, scope: undefined, ifindex: route.ifindex > 0 };
  return Object.entries(fields)
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`))
    .toSorted()
    .join(' ');
};

export const EXPECTED: Outcome = {
  addresses: [
    `10.77.0.5/24 ${FOREVER}`,
    // The prefix length of an IPv6 address stays as it was.
    `2001:db8:77::5/64 ${FOREVER}`,
    '2001:db8:77::6/64 0',
  ],
  routes: [
    'advmss=1300 dst=0.0.0.0/0 ifindex=true metric=50 mtu=1400 prefsrc=10.77.0.5 protocol=107 via=10.77.0.1',
    'dst=192.0.2.0/24 ifindex=false metric=50 protocol=107 type=blackhole',
    'dst=2001:db8:1::/48 ifindex=true metric=50 prefsrc=2001:db8:77::5 protocol=107 via=2001:db8:77::3',
    'dst=2001:db8:2::/48 ifindex=false metric=1024 protocol=107 type=unreachable',
    'dst=2001:db8:3::/48 ifindex=true metric=50 protocol=4',
    'dst=::/0 ifindex=true initcwnd=20 initrwnd=30 metric=50 onLink=true protocol=107 via=2001:db8:77:1::1',
  ],
  rules: [
    'priority 3000 from 10.77.0.5/32 table 4077 protocol 4',
    'priority 3000 from 2001:db8:77::/64 fwmark 5 table 4077 protocol 107',
    'priority 3001 to 192.0.2.0/24 fwmark 0 tos 16 table 4077 protocol 107',
  ],
  refusals: ['EEXIST', 'EEXIST', 'ESRCH', 'EEXIST', 'ENOENT'],
};
