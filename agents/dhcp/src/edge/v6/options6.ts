import type { Settings6 } from '../../core/network/client6-settings.ts';

/** How the client of one link works. */
export interface Options6 extends Settings6 {
  /** Orders the name servers of links. */
  readonly metric: number;
  /** Reads the name of the host that somebody chose. */
  readonly readName: () => string | undefined;
  /** File with the machine's identity. */
  readonly hostFile: string;
}
