import { type FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

import { errorCode } from '@kios/errors';

const CHUNK = 64 * 1024;
/** init cuts lines of programs at 16 KiB; what is longer is no line of a log. */
const LONGEST_LINE = 64 * 1024;

/** Follows a file that another program appends to, and replaces by an empty one when it is long. */
export class LogTail {
  readonly #file: string;
  #inode = 0;
  #offset = 0;
  #rest = '';
  #decoder = new StringDecoder('utf8');
  #isFirst = true;

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what is new. `isOld` says of a line that it was there before the first reading. */
  async read(take: (line: string, isOld: boolean) => void): Promise<void> {
    let handle: FileHandle;
    try {
      handle = await open(this.#file);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    try {
      const { ino, size } = await handle.stat();
      if (ino !== this.#inode || size < this.#offset) this.#restart(ino);
      await this.#readOn(handle, (line) => take(line, this.#isFirst));
      this.#isFirst = false;
    } finally {
      await handle.close();
    }
  }

  #restart(inode: number): void {
    this.#inode = inode;
    this.#offset = 0;
    this.#rest = '';
    this.#decoder = new StringDecoder('utf8');
  }

  async #readOn(handle: FileHandle, take: (line: string) => void): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const lines = (this.#rest + this.#decoder.write(chunk.subarray(0, bytesRead))).split('\n');
      this.#rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
      for (const line of lines) take(line);
    }
  }
}
