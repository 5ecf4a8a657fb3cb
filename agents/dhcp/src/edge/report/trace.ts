import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { tempName } from '@kios/agent';

import { type Captured, decodePcap, encodePcap } from '../../core/wire/pcap.ts';

const FRAMES = 32;
const FLUSH_MS = 250;

/** The last DHCP frames of a link, in a capture file: the node itself needs no packet tool. */
export class Trace {
  readonly #file: string;
  #frames: Captured[] = [];
  #earlier: readonly Captured[] | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: string, link: string) {
    this.#file = path.join(folder, `${link}.pcap`);
  }

  add(frame: Uint8Array): void {
    this.#frames = [...this.#frames, { at: Date.now(), frame }].slice(-FRAMES);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  /** Writes the frames that are not written yet. The file only helps to find faults, so a full disk is ignored. */
  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#earlier ??= readTrace(this.#file);
    const bytes = encodePcap([...this.#earlier, ...this.#frames].slice(-FRAMES));
    const temp = tempName(this.#file);
    try {
      writeFileSync(temp, bytes, { mode: 0o644 });
      renameSync(temp, this.#file);
    } catch {
      // Writing the lease files reports the same fault.
    }
  }
}

/** Reads the frames of a file. A missing or damaged file has none. */
export function readTrace(file: string): Captured[] {
  try {
    return decodePcap(readFileSync(file));
  } catch {
    return [];
  }
}
