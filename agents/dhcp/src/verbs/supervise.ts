import type { Logger } from '@kios/agent';
import { openRtnetlink } from '@kios/netlink';

import type { LinkFlags } from '../core/settings/flags.ts';
import { Supervisor } from '../edge/client/supervisor.ts';
import { readBootId } from '../edge/kernel/clock.ts';
import { requireCapabilities } from '../edge/kernel/require-capabilities.ts';
import { LeaseFiles } from '../edge/lease/lease-files.ts';
import { countEvents } from '../edge/report/count-events.ts';
import { clientOptions, readConfig } from '../edge/settings/config.ts';

export interface Mode {
  /** End with the first address, and leave port 68 alone. */
  readonly oneShot: boolean;
  /** Where to count events. */
  readonly metricsFile?: string;
  readonly onCarrier: () => void;
  readonly onBound: (link: string) => void;
}

/** Serves the links that the flags name, until the signal is raised. */
export async function supervise(
  flags: LinkFlags,
  mode: Mode,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(flags);
  requireCapabilities('NET_RAW', 'NET_ADMIN');
  const folders = { run: flags.runDir, state: flags.stateDir };
  const files = await LeaseFiles.open(folders, readBootId(), log);
  const rtnetlink = openRtnetlink();
  const counted = mode.metricsFile === undefined ? log : countEvents(log, mode.metricsFile);
  try {
    const supervisor = new Supervisor(
      {
        ...mode,
        choice: config.choice,
        optionsFor: (link, metric) => clientOptions(config, link, metric, !mode.oneShot),
      },
      { rtnetlink, files, log: counted },
    );
    await supervisor.run(signal);
  } finally {
    rtnetlink.close();
  }
}
