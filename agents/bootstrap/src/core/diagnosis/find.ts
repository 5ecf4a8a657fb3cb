import type { Finding } from './catalogue.ts';
import { clusterFaults, memberFaults } from './rules-cluster.ts';
import { linkFault, podNetworkFault, takenAddressFault } from './rules-network.ts';
import { clockFault, hostFaults } from './rules-node.ts';
import { podFaults } from './rules-pods.ts';
import { storageFaults } from './rules-storage.ts';
import type { Signs } from './signs.ts';

/** Name servers that are silent keep a node from its cluster only if it knows that by a name. */
const isInTheWay = (link: Finding, { api }: Signs): boolean =>
  link.code !== 'KIOS_FAULT_DNS_DEAD' || api === undefined || api.reach.kind === 'unnamed';

/** Returns the faults for which there are signs now, causes before what follows from them, each code once. */
export function findFaults(signs: Signs): readonly Finding[] {
  const link = linkFault(signs);
  const beyond = link !== undefined && isInTheWay(link, signs) ? [] : clusterFaults(signs);
  const all = [
    link,
    takenAddressFault(signs),
    ...beyond,
    podNetworkFault(signs),
    ...memberFaults(signs),
    clockFault(signs),
    ...storageFaults(signs),
    ...hostFaults(signs),
    ...podFaults(signs),
  ];
  const codes = new Set<string>();
  return all.filter((finding): finding is Finding => {
    if (finding === undefined || codes.has(finding.code)) return false;
    codes.add(finding.code);
    return true;
  });
}
