import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import { fromHex, toHex } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { HostState } from '@kios/node-state';
import * as v from 'valibot';

import { duidOfMac } from '../../core/v6/client/identity.ts';
import { FOLDER6 } from '../lease/lease-files.ts';

const Stored = v.object({
  v: v.literal(1),
  duid: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){3,130}$/)),
  /** The machine that it was made on, if that can tell itself from others. */
  machine: v.optional(v.string()),
});

/** The node's DUID. One on the disk outlives the card that it was made of, but not a move of the disk. */
export class NodeDuid {
  readonly bytes: Uint8Array;
  readonly #file: string;
  readonly #stored: v.InferOutput<typeof Stored>;
  readonly #log: Logger;
  #isKept: boolean;

  private constructor(
    file: string,
    stored: v.InferOutput<typeof Stored>,
    isKept: boolean,
    log: Logger,
  ) {
    this.#file = file;
    this.#stored = stored;
    this.#isKept = isKept;
    this.#log = log;
    this.bytes = fromHex(stored.duid);
  }

  /** Reads the DUID, or makes one of a hardware address. `links` are those that the node may be known by. */
  static read(
    stateFolder: string,
    hostFile: string,
    links: readonly Pick<Link, 'mac'>[],
    log: Logger,
  ): NodeDuid {
    const file = path.join(stateFolder, FOLDER6, 'duid.json');
    const machine = readJson(HostState, hostFile)?.machine;
    const stored = readJson(Stored, file);
    if (stored !== undefined && stored.machine === machine) {
      return new NodeDuid(file, stored, true, log);
    }
    // The lowest, so that a node without a disk has the same one whichever link is the first to ask.
    const [mac = ''] = links.map((each) => each.mac).toSorted();
    const made = { v: 1, duid: toHex(duidOfMac(mac)), ...(machine && { machine }) } as const;
    return new NodeDuid(file, made, false, log);
  }

  /** Writes it to the disk, once. */
  async keep(): Promise<void> {
    if (this.#isKept) return;
    this.#isKept = true;
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o755 });
      await writeAtomic(this.#file, `${JSON.stringify(this.#stored)}\n`, 0o600);
    } catch (err) {
      this.#log.error({ ev: 'publish.fail', err });
    }
  }
}

/** A missing or damaged file counts as none. */
function readJson<const Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
): v.InferOutput<Schema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const read = v.safeParse(schema, JSON.parse(readFileSync(file, 'utf8')));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}
