import { Random } from '@kios/bytes/testing';
import { type Address, FOREVER, type Route, SCOPE } from '@kios/netlink';
import { describe, expect, it } from 'vitest';

import type { BoundLease } from '../../src/core/client/model.ts';
import {
  type Change,
  OURS,
  planLease,
  type PlanPolicy,
  planRemoval,
  type Present,
} from '../../src/core/kernel/plan.ts';
import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { networkOf } from '../../src/core/lease/network.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { LINK, message, POLICY } from '../support/fixtures.ts';
import { applyToModel } from '../support/kernel-model.ts';

const RUNS = 5_000;
const KERNEL = 2;
const STATIC = 4;
/** Few addresses, so that leases and the routes of others meet. */
const HOSTS = ['10.0.0.1', '10.0.0.5', '10.0.0.6', '10.0.1.1', '10.0.1.7', '172.31.1.1'] as const;
const PREFIXES = [8, 16, 23, 24, 30, 31, 32] as const;
const METRICS = [0, 100, 110, 10_100] as const;
const MASKS: Readonly<Record<(typeof PREFIXES)[number], string>> = {
  8: '255.0.0.0',
  16: '255.255.0.0',
  23: '255.255.254.0',
  24: '255.255.255.0',
  30: '255.255.255.252',
  31: '255.255.255.254',
  32: '255.255.255.255',
};

const many = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: random.below(most + 1) }, make);

/** One of the values, or now and then none. */
const maybe = <T>(random: Random, values: readonly T[]): T | undefined =>
  random.below(values.length + 1) === 0 ? undefined : random.pick(values);

function anyDestination(random: Random): string {
  const prefix = random.pick([0, ...PREFIXES]);
  return `${networkOf(random.pick(HOSTS), prefix)}/${prefix}`;
}

/** Any lease that can be read. */
function anyLease(random: Random): Lease {
  for (;;) {
    const routes = many(random, 4, () => ({
      dst: anyDestination(random),
      via: random.pick([null, ...HOSTS]),
    }));
    const granted = readLease(
      message(
        TYPE.ack,
        [
          entry(OPTIONS.leaseTime, 3600),
          entry(OPTIONS.subnetMask, MASKS[random.pick(PREFIXES)]),
          ...(random.below(4) > 0
            ? [
                entry(OPTIONS.routers, [
                  random.pick(HOSTS),
                  ...many(random, 2, () => random.pick(HOSTS)),
                ]),
              ]
            : []),
          ...(random.below(2) > 0 ? [entry(OPTIONS.classlessRoutes, routes)] : []),
          ...(random.below(3) > 0
            ? [entry(OPTIONS.mtu, random.pick([576, 1400, 1500, 9001]))]
            : []),
        ],
        { yiaddr: random.pick(HOSTS) },
      ),
      '10.0.0.1',
      60,
    );
    if ('lease' in granted) return granted.lease;
  }
}

const anyAddress = (random: Random): Address => ({
  ifindex: random.pick([LINK.index, LINK.index, 3]),
  address: random.pick(HOSTS),
  prefix: random.pick(PREFIXES),
  scope: SCOPE.universe,
  protocol: random.pick([OURS, OURS, 0, STATIC]),
  metric: random.pick(METRICS),
  validSeconds: FOREVER,
  preferredSeconds: FOREVER,
});

const anyRoute = (random: Random): Route => ({
  dst: anyDestination(random),
  via: maybe(random, HOSTS),
  ifindex: random.pick([LINK.index, LINK.index, 3]),
  prefsrc: maybe(random, HOSTS),
  metric: random.pick(METRICS),
  protocol: random.pick([OURS, OURS, STATIC, 11]),
  scope: SCOPE.universe,
});

/** A state that the kernel may be in: routes that it refuses are not there. */
function anyPresent(random: Random): Present {
  const link = { ...LINK, mtu: random.pick([1400, 1500, 9000]) };
  const bare: Present = { link, ipv6: random.below(2) > 0, addresses: [], routes: [] };
  const changes: Change[] = [
    ...many(random, 3, () => ({ tag: 'set-address', address: anyAddress(random) }) as const),
    ...many(random, 5, () => ({ tag: 'set-route', route: anyRoute(random) }) as const),
  ];
  return applyToModel(bare, changes);
}

const anyPolicy = (random: Random): PlanPolicy => ({
  ...POLICY,
  metric: random.pick([100, 110]),
  onExpire: random.pick(['keep', 'drop']),
  routes: random.below(8) > 0,
  mtu: random.below(4) > 0,
  mtuOnRoutes: random.below(4) === 0,
  linkMtu: maybe(random, [
    { before: 1500, set: 1400 },
    { before: 1400, set: 9000 },
  ]),
});

const heldOf = (lease: Lease): BoundLease => ({ lease, since: 0, degradeLevel: 0 });

/** The routes of others: the kernel's, those of programs, and all of other links. */
const foreign = ({ routes, link }: Present): Route[] =>
  routes.filter(({ protocol, ifindex }) => protocol !== OURS || ifindex !== link.index);

/** Routes of others whose address the plan does not take away: with an address of ours its subnet's route goes. */
function untouched(before: Present): Route[] {
  const sources = new Set(
    before.addresses.filter(({ protocol }) => protocol === OURS).map(({ address }) => address),
  );
  return foreign(before).filter(({ prefsrc }) => prefsrc === undefined || !sources.has(prefsrc));
}

/** A change that the kernel is asked for. */
const isDone = ({ tag }: Change): boolean => tag !== 'skip-route';

function* samples(
  seed: number,
): Generator<readonly [random: Random, lease: Lease, present: Present, policy: PlanPolicy]> {
  const random = new Random(seed);
  for (let run = 0; run < RUNS; run += 1) {
    yield [random, anyLease(random), anyPresent(random), anyPolicy(random)];
  }
}

describe('for any lease and any state of the kernel', () => {
  it('a plan that was carried out is followed by an empty one', () => {
    for (const [, lease, present, policy] of samples(1)) {
      const held = heldOf(lease);
      const after = applyToModel(present, planLease(held, present, policy, 0));
      const again = planLease(held, after, policy, 0).filter(isDone);
      // What the kernel refuses is asked for again, and refused again.
      const refused = again.filter(({ tag }) => tag === 'set-route');
      expect([lease, present, policy, again.filter((each) => !refused.includes(each))]).toEqual([
        lease,
        present,
        policy,
        [],
      ]);
      expect(applyToModel(after, refused)).toEqual(after);
    }
  });

  it('no route of others and none of the kernel is deleted, replaced or replaced soon after', () => {
    for (const [random, lease, present, policy] of samples(2)) {
      const changes = planLease(heldOf(lease), present, policy, 0);
      for (const change of changes) {
        if (change.tag !== 'delete-route') continue;
        expect(change.route).toMatchObject({ protocol: OURS, ifindex: LINK.index });
      }
      // Somebody adds routes between the look at the kernel and the change.
      const late = many(random, 3, () => ({ tag: 'set-route', route: anyRoute(random) }) as const);
      const meanwhile = applyToModel(present, late);
      const keepsAddress = applyToModel(
        meanwhile,
        changes.filter(({ tag }) => tag !== 'delete-address'),
      );
      const lost = foreign(meanwhile).filter(
        (route) => !keepsAddress.routes.some((each) => isSame(each, route)),
      );
      expect([lease, present, policy, lost]).toEqual([lease, present, policy, []]);
    }
  });

  it('routes without a source of ours outlive a change of the address', () => {
    for (const [, lease, present, policy] of samples(3)) {
      const after = applyToModel(present, planLease(heldOf(lease), present, policy, 0));
      const lost = untouched(present).filter(
        (route) => !after.routes.some((each) => isSame(each, route)),
      );
      expect([lease, present, policy, lost]).toEqual([lease, present, policy, []]);
    }
  });

  it('every address of others stays, and one address of ours', () => {
    for (const [, lease, present, policy] of samples(4)) {
      const { addresses } = applyToModel(present, planLease(heldOf(lease), present, policy, 0));
      const mine = addresses.filter(
        ({ ifindex, protocol }) => ifindex === LINK.index && protocol === OURS,
      );
      expect(mine.map(({ address, prefix }) => `${address}/${prefix}`)).toEqual([
        `${lease.address}/${lease.prefix}`,
      ]);
      for (const { ifindex, protocol, address } of present.addresses) {
        if (protocol === OURS && ifindex === LINK.index) continue;
        expect(addresses.map((each) => each.address)).toContain(address);
      }
    }
  });

  it('the removal leaves nothing of ours, and is followed by an empty one', () => {
    for (const [, , present] of samples(5)) {
      const after = applyToModel(present, planRemoval(present));
      expect(planRemoval(after)).toEqual([]);
    }
  });
});

/** The kernel's route to a subnet may change its metric with the address. */
const isSame = (a: Route, b: Route): boolean =>
  a.dst === b.dst &&
  a.via === b.via &&
  a.ifindex === b.ifindex &&
  a.prefsrc === b.prefsrc &&
  a.protocol === b.protocol &&
  (a.metric === b.metric || b.protocol === KERNEL);
