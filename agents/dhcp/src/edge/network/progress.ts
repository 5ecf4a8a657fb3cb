import type { Logger } from '@kios/agent';
import type { Rtnetlink } from '@kios/netlink';

import type { LeaseFiles } from '../lease/lease-files.ts';

/** What a verb does while links come up. */
export interface Progress {
  /** End with the first address. */
  readonly oneShot: boolean;
  readonly onCarrier: () => void;
  readonly onBound: (link: string) => void;
}

export interface NetworkPorts {
  readonly rtnetlink: Rtnetlink;
  readonly files: LeaseFiles;
  readonly log: Logger;
}
