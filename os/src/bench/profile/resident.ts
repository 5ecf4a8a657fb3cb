import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';

import { chunksOf, type Content, sizeOf } from '../../build/formats/tree.ts';
import { PAGE } from '../../build/image/profile.ts';

/** A file of the root whose pages are looked for. */
export interface SoughtFile {
  readonly content: Content;
  /** SHA-256 of the content. */
  readonly sha256: string;
}

/** Where a page is: the file's SHA-256, and the page's number. */
interface Place {
  readonly sha256: string;
  readonly page: number;
}

/** Bytes read from the memory at once. */
const CHUNK = 16 << 20;

const nameOf = (page: Buffer): string => hash('sha256', page, 'base64');

/** A page of zeros is everywhere in memory, and costs nothing in a file. */
const ZEROS = nameOf(Buffer.alloc(PAGE));

/** Yields a file page by page; zeros follow the end of the last one, as in memory. */
async function* pagesIn(content: Content): AsyncGenerator<Buffer> {
  const size = await sizeOf(content);
  const whole = Buffer.alloc(Math.ceil(size / PAGE) * PAGE);
  let at = 0;
  for await (const chunk of chunksOf(content, size)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  for (let start = 0; start < whole.length; start += PAGE)
    yield whole.subarray(start, start + PAGE);
}

/** Knows the pages of files by their content. */
export class PageIndex {
  readonly #places = new Map<string, Place[]>();

  static async of(files: Iterable<SoughtFile>): Promise<PageIndex> {
    const index = new PageIndex();
    for (const { content, sha256 } of files) {
      let page = 0;
      for await (const bytes of pagesIn(content)) {
        index.#add(nameOf(bytes), { sha256, page });
        page += 1;
      }
    }
    return index;
  }

  #add(name: string, place: Place): void {
    if (name === ZEROS) return;
    const known = this.#places.get(name);
    if (known === undefined) this.#places.set(name, [place]);
    else known.push(place);
  }

  /**
   * Returns the pages, in ascending order, of each file (by its SHA-256) that are in a machine's memory: what was read
   * of a file stays there as it is in the file. A page that several files have counts for all of them.
   */
  async residentIn(memory: string): Promise<Map<string, number[]>> {
    const found = new Map<string, Set<number>>();
    await using file = await open(memory);
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK);
      if (bytesRead === 0) break;
      for (let at = 0; at + PAGE <= bytesRead; at += PAGE)
        for (const { sha256, page } of this.#places.get(nameOf(chunk.subarray(at, at + PAGE))) ??
          [])
          found.set(sha256, (found.get(sha256) ?? new Set()).add(page));
    }
    return new Map(
      [...found].map(([sha256, pages]) => [sha256, [...pages].toSorted((a, b) => a - b)]),
    );
  }
}
