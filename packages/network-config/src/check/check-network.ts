import { type NetplanCommon, SECTION_NAMES } from '../schema/netplan.ts';
import { checkAddresses } from './addresses.ts';
import type { Context } from './context.ts';
import { checkMembers } from './members.ts';
import { checkNames } from './names.ts';
import { checkParameters } from './parameters.ts';
import { checkRoutes } from './routes.ts';
import { checkStructure } from './structure.ts';

/** Keys that mean one thing and contradict each other. */
function checkPairs({ raw, report }: Context): void {
  for (const section of SECTION_NAMES)
    for (const [id, link] of Object.entries<NetplanCommon>(raw[section] ?? {})) {
      const path = ['network', section, id];
      if (
        link['dhcp-identifier'] !== undefined &&
        link['dhcp4-overrides']?.['client-id'] !== undefined
      )
        report([...path, 'dhcp-identifier'], 'stands beside client-id', 'Keep one of the two.');
      if (link['ipv6-address-token'] !== undefined && link['ipv6-address-generation'] !== undefined)
        report(
          [...path, 'ipv6-address-token'],
          'stands beside ipv6-address-generation',
          'Keep one of the two.',
        );
    }
}

/** Finds what no single key shows: what links say of each other, and what the kernel would refuse. */
export function checkNetwork(context: Context): void {
  checkPairs(context);
  checkNames(context);
  checkStructure(context);
  checkMembers(context);
  checkParameters(context);
  checkAddresses(context);
  checkRoutes(context);
}
