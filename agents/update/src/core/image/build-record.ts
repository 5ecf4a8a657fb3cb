import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { UpdateError } from '../faults/errors.ts';
import { INITRAMFS } from '../slots/board.ts';

const File = v.object({
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
});

/** The part of a system image's `build.json` that an update needs; images of before updates lack it. */
const Record = v.object({
  v: v.literal(1),
  version: v.string(),
  arch: v.picklist(['amd64', 'arm64']),
  /** The version of kubelet. */
  kubernetes: v.string(),
  efi: File,
  /** What boards start, by board and name of the file. `offset` is the place of one in `kios.efi`. */
  boards: v.optional(
    v.record(
      v.string(),
      v.record(
        v.pipe(v.string(), v.regex(/^[\w.-]+$/)),
        v.object({ ...File.entries, offset: v.optional(v.number()) }),
      ),
    ),
  ),
  /** What a machine measures of a system that was built with a key for measurements. */
  measured: v.optional(v.object({ key: v.string() })),
  /** `modules.erofs`; a build of before lacks it. */
  modules: v.optional(File),
});
export type BuildRecord = v.InferOutput<typeof Record>;

/** What a machine starts of a system, by the SHA-256 of one file; undefined when it has nothing for a board. */
export function digestFor({ efi, boards }: BuildRecord, board: string): string | undefined {
  return board === '' ? efi.sha256 : boards?.[board]?.[INITRAMFS]?.sha256;
}

const failed = (message: string): UpdateError => new UpdateError('KIOS_UPDATE_IMAGE', message);

/** Reads what a system image says of itself. */
export function parseRecord(source: string, text: string): BuildRecord {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new UpdateError('KIOS_UPDATE_IMAGE', `parse ${source}`, { cause });
  }
  return parse(Record, source, input, failed);
}
