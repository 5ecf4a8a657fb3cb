import type { LinkSettings } from '@kios/network-config';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { STATIC } from '../../../src/core/kernel/marks.ts';
import type { Configured, Part } from '../../../src/core/network/static/model.ts';
import { planStatic } from '../../../src/core/network/static/plan.ts';
import { type Deed, deeds, settings } from '../../support/network/arbitrary-static.ts';
import { ModelIp } from '../../support/network/model-ip.ts';

const RUNS = 1000;

const linksOf = (first: LinkSettings, second: LinkSettings): Configured[] =>
  [first, second].map((each, at) => ({ settings: each, ifindex: 2 + at, metric: 100 + 10 * at }));

/** The kernel refuses some deeds of others, as it should. */
function perform(kernel: ModelIp, deed: Deed): void {
  try {
    if ('address' in deed) kernel.setAddress(deed.address);
    else if ('route' in deed) kernel.addRoute(deed.route, deed.beside);
    else kernel.addRule(deed.rule);
  } catch (error) {
    if (!String(error).includes('Error: E')) throw error;
  }
}

/**
 * Carries out a plan, after which none has steps. What obstructs something may go with an address, as the kernel drops
 * a link's routes with the last: then the second plan is the one.
 */
function apply(kernel: ModelIp, links: readonly Configured[]): Part {
  const plan = planStatic(links, kernel.present);
  for (const step of plan.steps) kernel.carryOut(step);
  if (plan.obstacles.length > 0)
    for (const step of planStatic(links, kernel.present).steps) kernel.carryOut(step);
  const after = planStatic(links, kernel.present);
  expect(after.steps).toEqual([]);
  return after;
}

const foreign = <Item extends { readonly protocol: number }>(items: readonly Item[]): Item[] =>
  items.filter(({ protocol }) => protocol !== STATIC);

describe('a plan for addresses, routes and rules', () => {
  it('is empty once it is carried out, and touches nothing of others', () => {
    fc.assert(
      fc.property(
        fc.tuple(settings, settings, settings, settings),
        deeds,
        deeds,
        fc.boolean(),
        fc.boolean(),
        ([a, b, c, d], before, between, isUp, canWrite) => {
          const kernel = new ModelIp(isUp, canWrite);
          for (const deed of before) perform(kernel, deed);
          kernel.violations.length = 0;
          apply(kernel, linksOf(a, b));
          expect(kernel.violations).toEqual([]);
          kernel.endDuplicateDetection();
          apply(kernel, linksOf(a, b));
          for (const deed of between) perform(kernel, deed);
          kernel.violations.length = 0;
          apply(kernel, linksOf(c, d));
          kernel.endDuplicateDetection();
          apply(kernel, linksOf(c, d));
          expect(kernel.violations).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('does all that is neither waiting nor obstructed', () => {
    fc.assert(
      fc.property(settings, settings, deeds, (a, b, before) => {
        const kernel = new ModelIp(true, true);
        for (const deed of before) perform(kernel, deed);
        const links = linksOf(a, b);
        apply(kernel, links);
        kernel.endDuplicateDetection();
        const { waiting, obstacles } = apply(kernel, links);
        const lacks = [...waiting, ...obstacles];
        const missing = links.flatMap(({ settings: { addresses, routes }, ifindex }) => [
          ...addresses
            .filter(
              ({ address }) =>
                !kernel.addresses.some(
                  (each) =>
                    each.ifindex === ifindex &&
                    each.protocol === STATIC &&
                    `${each.address}/${each.prefix}` === address,
                ),
            )
            .map(({ address }) => `eth${ifindex - 2} address ${address}`),
          ...routes
            .filter(
              ({ to, via }) => !kernel.routes.some((each) => each.dst === to && each.via === via),
            )
            .map(({ to }) => `eth${ifindex - 2} route ${to}`),
        ]);
        const named = new Set(lacks.map(({ link, what }) => `${link} ${what}`));
        expect(missing.filter((each) => !named.has(each))).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('of an empty file takes away exactly what the last one made', () => {
    fc.assert(
      fc.property(settings, settings, deeds, (a, b, before) => {
        const kernel = new ModelIp(true, true);
        for (const deed of before) perform(kernel, deed);
        apply(kernel, linksOf(a, b));
        const { addresses, rules } = kernel;
        apply(kernel, []);
        const left = [...kernel.addresses, ...kernel.rules, ...kernel.routes];
        // A route to which another owner gave a second gateway is no longer ours.
        const ours = left.filter((each) => each.protocol === STATIC);
        expect(ours.filter((each) => !('dst' in each) || each.ifindex !== 0)).toEqual([]);
        expect(kernel.addresses).toEqual(foreign(addresses));
        expect(kernel.rules).toEqual(foreign(rules));
      }),
      { numRuns: RUNS },
    );
  });
});
