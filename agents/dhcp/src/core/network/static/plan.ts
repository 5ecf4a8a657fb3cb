import { familyOf } from '@kios/netlink';

import { type AddressPart, planAddresses } from './addresses.ts';
import type { Configured, Part, Present, StaticStep } from './model.ts';
import { planRoutes } from './routes.ts';
import { planRules } from './rules.ts';
import { planReturn, planSettings, type SettingOptions, SETTINGS } from './settings.ts';

/**
 * Returns the steps from the kernel's present state to what the file says of addresses, routes and rules, in order.
 * What is new comes before what goes, so that the node is never without its network in between: addresses, routes on
 * the links, routes through gateways, rules; then the old rules, routes and addresses. Only what has the file's mark is
 * ever deleted. Once they are carried out there are none.
 */
export function planStatic(
  configured: readonly Configured[],
  present: Present,
  options: SettingOptions = { before: new Map(), secret: undefined },
): Part {
  const links = configured.flatMap((each) => {
    const link = present.links.find(({ index }) => index === each.ifindex);
    return link === undefined ? [] : [{ ...each, link }];
  });
  const settings = links.map((link) => planSettings(link, present, options));
  const others = present.links.filter(
    ({ index }) => !links.some(({ ifindex }) => ifindex === index),
  );
  const returns = present.canWrite
    ? others.flatMap((link) => planReturn(link, SETTINGS, options.before))
    : [];
  const addresses = planAddresses(links, present);
  const routes = planRoutes(links, present, addresses);
  const rules = planRules(links, present);
  return {
    steps: [
      ...settings.flatMap(({ steps }) => steps),
      ...returns,
      ...promotions([...addresses.steps, ...addresses.deletions], present),
      ...addresses.steps,
      ...routes.steps,
      ...rules,
      ...addresses.deletions,
      ...routes.restored,
    ],
    waiting: [...addresses.waiting, ...routes.waiting],
    obstacles: [
      ...settings.flatMap(({ obstacles }) => obstacles),
      ...addresses.obstacles,
      ...routes.obstacles,
    ],
  };
}

/** Without promotion the addresses of a prefix go with the one that was there first. */
function promotions(steps: AddressPart['steps'], { links }: Present): StaticStep[] {
  const changed = steps
    .filter(({ address }) => familyOf(address.address) === 'ipv4')
    .map(({ address }) => address.ifindex);
  return links
    .filter(({ index }) => changed.includes(index))
    .map((link) => ({ tag: 'change-link', link, change: { promoteSecondaries: true } }));
}
