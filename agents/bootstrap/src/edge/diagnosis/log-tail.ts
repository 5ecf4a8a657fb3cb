import { type FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

import { errorCode } from '@kios/errors';

const CHUNK = 64 * 1024;
/** init cuts lines of programs at 16 KiB; what is longer is no line of a log. */
const LONGEST_LINE = 64 * 1024;

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Follows a file that another program appends to, and renames to `.1` for a new one when it is long. */
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
    await using handle = await openIfThere(this.#file);
    if (handle === undefined) return;
    const takeLine = (line: string): void => take(line, this.#isFirst);
    const { ino, size } = await handle.stat();
    if (ino !== this.#inode) await this.#readEnd(takeLine);
    if (ino !== this.#inode || size < this.#offset) this.#restart(ino);
    await this.#readOn(handle, takeLine);
    this.#isFirst = false;
  }

  /** Reads the end of the generation before, which has another name by now. */
  async #readEnd(take: (line: string) => void): Promise<void> {
    await using handle = await openIfThere(`${this.#file}.1`);
    if (handle === undefined || (await handle.stat()).ino !== this.#inode) return;
    await this.#readOn(handle, take);
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
