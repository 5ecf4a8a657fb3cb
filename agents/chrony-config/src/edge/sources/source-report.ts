import path from 'node:path';

import { type LogFields, type Logger, writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { Note } from '../../core/sources/source-draft.ts';

/** `chrony/sources.json`: what became of each server that an origin names, for `status`. */
export const SourceNotes = v.object({
  v: v.literal(1),
  sources: v.array(
    v.object({
      origin: v.string(),
      host: v.string(),
      address: v.optional(v.string()),
      use: v.picklist(['used', 'waiting', 'dropped']),
      why: v.optional(v.string()),
    }),
  ),
});
export type SourceNotes = v.InferOutput<typeof SourceNotes>;

export const notesFile = (dir: string): string => path.join(dir, 'sources.json');

/** Tells what became of the servers: all of it in a file, and once in the log what somebody should see to. */
export class SourceReport {
  readonly #file: string;
  readonly #log: Logger;
  readonly #said = new Set<string>();

  constructor(dir: string, log: Logger) {
    this.#file = notesFile(dir);
    this.#log = log;
  }

  async tell(notes: readonly Note[]): Promise<void> {
    for (const { origin, host, address, use, why, isExpected } of notes) {
      if (use !== 'dropped' || isExpected === true) continue;
      const value = address ?? host;
      this.once(`${origin} ${value} ${why}`, { ev: 'source.bad', origin, value, why });
    }
    const known = v.parse(SourceNotes, { v: 1, sources: notes });
    await writeAtomic(this.#file, `${JSON.stringify(known)}\n`);
  }

  /** Warns of something once, although every update finds it again. */
  once(key: string, fields: LogFields): void {
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#log.warn(fields);
  }
}
