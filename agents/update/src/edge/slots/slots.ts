import type { Refusal } from '../../core/faults/errors.ts';
import type { BuildRecord } from '../../core/image/build-record.ts';
import type { Plan } from '../../core/plan/plan.ts';
import type { Esp } from '../esp/esp.ts';
import type { Startable } from '../host/host.ts';

/** The generations that init has named, whether its drivers come from a modules.erofs, and who may sign a system. */
export interface Named extends Pick<Startable, 'signers'> {
  readonly running: number;
  readonly failed: number | undefined;
  readonly usesModules: boolean;
  /** The board whose own loader starts the systems; '' for UEFI. */
  readonly board: string;
}

/** What a medium has of a system that is to be staged. */
export interface Staging {
  /** The generation that the next boot tries; undefined when it is the running one's turn again. */
  readonly staged: number | undefined;
  /** Returns the steps that bring the system onto the medium; no generation before was higher than `highest`. */
  readonly plan: (highest: number) => Plan | Refusal;
}

/** How a kind of medium keeps its systems. */
export interface Slots {
  /** Returns the file by which a generation is known. */
  readonly fileOf: (generation: number) => string;
  /**
   * Fails unless the system mounted at `folder` is what its record says and this machine would start it. Returns what
   * compares it with the medium.
   */
  readonly prepare: (
    folder: string,
    record: BuildRecord,
    signal: AbortSignal,
  ) => Promise<(esp: Esp) => Promise<Staging>>;
  /** Returns the steps that take back what is staged. */
  readonly planUnstage: (esp: Esp) => Promise<Plan | Refusal>;
}
