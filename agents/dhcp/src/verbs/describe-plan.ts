import type { Logger } from '@kios/agent';
import { toHex } from '@kios/bytes';
import { openRtnetlink } from '@kios/netlink';

import { isCandidate, isOthers } from '../core/kernel/links.ts';
import type { LinkFlags } from '../core/settings/flags.ts';
import { isHardware } from '../edge/kernel/hardware.ts';
import { clientOptions, readConfig, reportFaults } from '../edge/settings/config.ts';

/** Returns what the configuration means for each present link. Needs no capability. */
export async function describePlan(flags: LinkFlags, log: Logger): Promise<object> {
  const config = await readConfig(flags);
  reportFaults(config, log);
  const rtnetlink = openRtnetlink();
  try {
    const present = await rtnetlink.links();
    const links = present.filter((each) => isCandidate(each, config.choice, isHardware));
    const addresses = await rtnetlink.addresses();
    const plans = links.map((link, order) => {
      const { settings, policy, plan } = clientOptions(config, link, 100 + 10 * order, false);
      const { identity } = policy;
      const { metric } = plan;
      const clientId = identity.clientId && toHex(identity.clientId);
      const foreign = isOthers(link, addresses, false);
      return { link: link.name, foreign, ...settings, metric, ...identity, clientId };
    });
    return { interface: flags.interface, links: plans };
  } finally {
    rtnetlink.close();
  }
}
