import type { Path } from '../fault.ts';
import { type NetplanCommon, SECTION_NAMES } from '../schema/netplan.ts';
import { checkAddresses } from './addresses.ts';
import type { Context } from './context.ts';
import { checkMembers } from './members.ts';
import { checkNames } from './names.ts';
import { checkParameters } from './parameters.ts';
import { checkRoutes } from './routes.ts';
import { checkStructure } from './structure.ts';

const FROM_IANA = 'Add the number that IANA gave the maker of the class; RFC 8415, 21.16.';

/** In DHCPv6 a class says whose it is. */
function checkVendorClass(
  { report, damaged }: Context,
  id: string,
  path: Path,
  link: NetplanCommon,
): void {
  const { 'vendor-class': vendorClass, 'enterprise-number': enterprise } =
    link['dhcp6-overrides'] ?? {};
  if ((vendorClass === undefined) === (enterprise === undefined)) return;
  if (damaged.has(`${id}.dhcp6-overrides`)) return;
  const inside = [...path, 'dhcp6-overrides'];
  if (enterprise === undefined)
    report([...inside, 'vendor-class'], 'needs enterprise-number in DHCPv6', FROM_IANA);
  else
    report([...inside, 'enterprise-number'], 'has no vendor-class beside it', 'Add vendor-class.');
}

/** Keys that mean one thing and contradict each other. */
function checkPairs(context: Context): void {
  const { raw, report } = context;
  for (const section of SECTION_NAMES)
    for (const [id, link] of Object.entries<NetplanCommon>(raw[section] ?? {})) {
      const path = ['network', section, id];
      checkVendorClass(context, id, path, link);
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
