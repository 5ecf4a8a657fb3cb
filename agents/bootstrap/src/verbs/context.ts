import type { Logger } from '@kios/agent';

import type { Settings } from '../core/settings/settings.ts';
import type { ApiServer } from '../edge/cluster/api-server.ts';
import type { OnPlaced } from '../edge/files/transaction.ts';

export interface JoinContext {
  readonly settings: Settings;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Documents that were reported already: one that is tried again is no news. */
  readonly reported?: Set<string>;
  /** When steps of the join were reached, in seconds of CLOCK_BOOTTIME. */
  readonly timeline?: Map<string, number>;
  /** For tests: cuts the run off between two files. */
  readonly onPlaced?: OnPlaced;
  readonly openApi?: (endpoint: string) => ApiServer;
}
