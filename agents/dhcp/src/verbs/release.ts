import type { AgentContext, Logger } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import { type Link, openRtnetlink, type Rtnetlink } from '@kios/netlink';
import { tryLock } from '@kios/syscall';

import type { BoundLease } from '../core/client/model.ts';
import { release as releaseMessage } from '../core/client/requests.ts';
import { isCandidate } from '../core/kernel/links.ts';
import { planRemoval } from '../core/kernel/plan.ts';
import { LINK_FLAGS, type LinkFlags } from '../core/settings/flags.ts';
import { lockFile } from '../edge/client/link-lock.ts';
import { applyChanges, readPresent } from '../edge/kernel/apply.ts';
import { readBootId } from '../edge/kernel/clock.ts';
import { isHardware } from '../edge/kernel/hardware.ts';
import { requireCapabilities } from '../edge/kernel/require-capabilities.ts';
import { LeaseFiles } from '../edge/lease/lease-files.ts';
import { clientOptions, type Config, readConfig, reportFaults } from '../edge/settings/config.ts';
import { DhcpSocket } from '../edge/sockets/dhcp-socket.ts';
import { linkVerb } from './link-verb.ts';

interface Ports {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}

/**
 * Gives the addresses back and forgets them, for a machine that is taken out of service. Nothing else ever does: an
 * address outlives the pod.
 */
export const release = linkVerb(
  'release',
  'Give the addresses back and forget them',
  LINK_FLAGS,
  releaseLinks,
);

async function releaseLinks(flags: LinkFlags, { log, signal }: AgentContext): Promise<void> {
  const config = await readConfig(flags);
  reportFaults(config, log);
  requireCapabilities('NET_RAW', 'NET_ADMIN', 'NET_BIND_SERVICE');
  const folders = { run: flags.runDir, state: flags.stateDir };
  const files = await LeaseFiles.open(folders, readBootId(), log);
  const rtnetlink = openRtnetlink();
  try {
    const links = await rtnetlink.links();
    for (const link of links.filter((each) => isCandidate(each, config.choice, isHardware))) {
      await releaseLink(link, config, { rtnetlink, files, log }, signal);
    }
  } finally {
    rtnetlink.close();
  }
}

async function releaseLink(
  link: Link,
  config: Config,
  ports: Ports,
  signal: AbortSignal,
): Promise<void> {
  const { rtnetlink, files, log } = ports;
  using lock = tryLock(lockFile(files.folders, link));
  if (lock === undefined) {
    throw new KiosError(
      'KIOS_DHCP_BUSY',
      `release the lease of ${link.name}: another instance holds it`,
      {
        exitCode: EXIT.unavailable,
        remedy: 'Remove the dhcp pod first, because it would ask for an address again.',
      },
    );
  }
  const running = await files.readRunning(link.name, link.mac);
  if (running !== undefined) sendRelease(link, running.held, config, log);
  const present = await readPresent(rtnetlink, link.index);
  if (present !== undefined) await applyChanges(rtnetlink, planRemoval(present), link, log);
  await files.forget(link.name);
  const { release6 } = await import('../edge/v6/release6.ts');
  await release6(link, clientOptions(config, link, 0, false), ports, signal);
}

function sendRelease(
  link: Link,
  { lease, degradeLevel }: BoundLease,
  config: Config,
  log: Logger,
): void {
  const { address, server } = lease;
  if (server === undefined) return;
  const { identity } = clientOptions(config, link, 0, false).policy;
  const [xid = 0] = crypto.getRandomValues(new Uint32Array(1));
  const exchange = { xid, secs: 0, degradeLevel, broadcast: false };
  using socket = new DhcpSocket(link);
  socket.listen(address);
  socket.send(releaseMessage(identity, exchange, address, server), server);
  log.info({ ev: 'release', console: true, link: link.name, address, server });
}
