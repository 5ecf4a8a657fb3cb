import path from 'node:path';

import { AT_REST_MS } from '@kios/agent';
import { releaseCodePages } from '@kios/syscall';

import { RUN_FLAGS } from '../core/settings/flags.ts';
import { linkVerb } from './link-verb.ts';
import { supervise } from './supervise.ts';

const METRICS = 'dhcp.prom';
const nothing = (): void => undefined;

/** Serves all wanted links until it is stopped. */
export const run = linkVerb(
  'run',
  'Serve all wanted links and keep their leases',
  RUN_FLAGS,
  async (flags, { log, signal }) => {
    setTimeout(releaseCodePages, AT_REST_MS).unref();
    const metricsFile = path.join(flags.metricsDir, METRICS);
    const mode = { oneShot: false, metricsFile, onCarrier: nothing, onBound: nothing };
    await supervise(flags, mode, log, signal);
  },
);
