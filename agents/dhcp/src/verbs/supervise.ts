import type { Logger } from '@kios/agent';
import { type Link, openRtnetlink, type Rtnetlink } from '@kios/netlink';

import { isCandidate } from '../core/kernel/links.ts';
import type { LinkFlags } from '../core/settings/flags.ts';
import { type Role, Supervisor } from '../edge/client/supervisor.ts';
import { readBootId } from '../edge/kernel/clock.ts';
import { isHardware } from '../edge/kernel/hardware.ts';
import { requireCapabilities } from '../edge/kernel/require-capabilities.ts';
import { LeaseFiles } from '../edge/lease/lease-files.ts';
import { followNetworkFile } from '../edge/network/follow-network-file.ts';
import { countEvents } from '../edge/report/count-events.ts';
import {
  clientOptions,
  type Config,
  readConfig,
  reportFaults,
  reportIdentity,
} from '../edge/settings/config.ts';

export interface Mode {
  /** End with the first address, and leave port 68 alone. */
  readonly oneShot: boolean;
  /** Where to count events. */
  readonly metricsFile?: string;
  readonly onCarrier: () => void;
  readonly onBound: (link: string) => void;
}

const SERVED: Role = { ipv4: true, ipv6: true, isOptional: false };

const chosen =
  ({ choice }: Config) =>
  (link: Link): Role | undefined =>
    isCandidate(link, choice, isHardware) ? SERVED : undefined;

/** Serves the links that the network file or else the flags name, until the signal is raised. */
export async function supervise(
  flags: LinkFlags,
  mode: Mode,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(flags);
  reportFaults(config, log);
  requireCapabilities('NET_RAW', 'NET_ADMIN');
  const folders = { run: flags.runDir, state: flags.stateDir };
  const files = await LeaseFiles.open(folders, readBootId(), log);
  const rtnetlink = openRtnetlink();
  const counted = mode.metricsFile === undefined ? log : countEvents(log, mode.metricsFile);
  try {
    await serve(config, flags, mode, { rtnetlink, files, log: counted }, signal);
  } finally {
    rtnetlink.close();
  }
}

interface Ports {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}

async function serve(
  config: Config,
  flags: LinkFlags,
  mode: Mode,
  ports: Ports,
  signal: AbortSignal,
): Promise<void> {
  const network = followNetworkFile(flags, mode, ports, chosen(config));
  const supervisor = new Supervisor(
    {
      ...mode,
      roleOf: network.roleOf,
      optionsFor: (link, metric, role) => {
        const own = role.metric ?? metric;
        const options = clientOptions(config, link, own, !mode.oneShot, role.override);
        reportIdentity(options.settings, link.name, ports.log);
        return options;
      },
    },
    ports,
  );
  const serveLinks = async (): Promise<void> => {
    await network.ready;
    await supervisor.run(signal);
  };
  await Promise.race([serveLinks(), network.run(() => supervisor.refresh(signal), signal)]);
}
