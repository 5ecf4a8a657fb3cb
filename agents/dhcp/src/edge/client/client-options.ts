import type { Logger } from '@kios/agent';
import type { Rtnetlink } from '@kios/netlink';

import type { Policy } from '../../core/client/model.ts';
import type { PlanPolicy } from '../../core/kernel/present.ts';
import type { Settings6 } from '../../core/network/client6-settings.ts';
import type { LinkSettings } from '../../core/settings/settings.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';
import type { NameIdentity } from '../settings/identity.ts';

export interface ClientOptions {
  readonly settings: LinkSettings;
  readonly policy: Policy;
  /** Reads the host's name anew: it may be chosen while the client runs. */
  readonly readName: () => NameIdentity;
  readonly plan: PlanPolicy;
  /** Whether somebody chose the metric of the plan: any other is kept that the link has already. */
  readonly isMetricSet: boolean;
  readonly ipv6: Settings6;
  /** File with the host's name and identity. */
  readonly hostFile: string;
  /** Keep UDP port 68 open while a lease is held: a daemon does, a one-shot has no use for it. */
  readonly listen: boolean;
  /** Whether the lease's search domains, and its time servers, are for anybody. */
  readonly useDomains: boolean;
  readonly useNtp: boolean;
}

export interface ClientPorts {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}
