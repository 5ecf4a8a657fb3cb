import type { Logger } from '@kios/agent';
import type { Rtnetlink } from '@kios/netlink';

import type { Policy } from '../../core/client/model.ts';
import type { PlanPolicy } from '../../core/kernel/plan.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';

export interface ClientOptions {
  readonly policy: Policy;
  readonly plan: PlanPolicy;
  /** Keep UDP port 68 while a lease is held: a daemon does, a one-shot has no use for it. */
  readonly listen: boolean;
  /** Write resolv.conf. */
  readonly dns: boolean;
  /** Serve the link though somebody else gave it an address. */
  readonly force: boolean;
  /** Options asked for by code and type. */
  readonly types: Readonly<Record<string, string>>;
}

export interface ClientPorts {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}
