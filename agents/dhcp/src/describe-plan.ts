import { toHex } from '@kios/bytes';
import { openRtnetlink } from '@kios/netlink';

import { clientOptions, type Flags, parseChoice } from './config.ts';
import { isCandidate, isForeign } from './core/links.ts';
import { isHardware } from './edge/supervisor.ts';

/** What the flags would do to each link that is there now. Needs no capability. */
export async function describePlan(flags: Flags): Promise<object> {
  const rtnetlink = openRtnetlink();
  try {
    const choice = parseChoice(flags.interface);
    const links = (await rtnetlink.links()).filter((each) => isCandidate(each, choice, isHardware));
    const addresses = await rtnetlink.addresses();
    const plans = links.map((link) => {
      const { identity, onExpire } = clientOptions(flags, link, 0, false).policy;
      const { clientId, ...who } = identity;
      const foreign = isForeign(link, addresses);
      return { link: link.name, foreign, onExpire, ...who, clientId: clientId && toHex(clientId) };
    });
    return { interface: flags.interface, links: plans };
  } finally {
    rtnetlink.close();
  }
}
