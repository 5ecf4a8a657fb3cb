import type { Wanted } from '../../core/cluster/node-conditions.ts';
import type { Said } from '../../core/diagnosis/signs.ts';

/** A node and the cluster that it is in or waits for, as far as a connection needs it. */
export interface Membered {
  readonly endpoint: string;
  readonly ca: readonly string[];
  readonly name: string;
  readonly kubeletConf: string | undefined;
  /** The bootstrap token, as long as it is what the node shows. */
  readonly token: string | undefined;
}

/** What joining and diagnosis, which run beside each other, tell one another. */
export class Board {
  /** The API server of the document, which may not have been reached. */
  endpoint: string | undefined;
  member: Membered | undefined;
  /** The fault of the last attempt to join. */
  join: Said | undefined;
  /** Certificate requests that nobody has decided for too long. */
  requests: readonly string[] = [];
  /** The conditions of the faults; empty before the first look. */
  conditions: readonly Wanted[] = [];
  /** Called when the conditions have changed, so that they reach the node's object soon. */
  onChange: () => void = () => {};
}
