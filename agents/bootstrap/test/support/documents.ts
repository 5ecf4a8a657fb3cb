import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { parseBytes } from '../../src/core/document/document.ts';
import { ForeignError } from '../../src/core/document/foreign.ts';
import type { Reader } from '../../src/core/document/formats/cloud-join.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';

/** One document of each form that a node reads, and the files that `render` makes of it. */
export const RENDER = path.join(import.meta.dirname, '../vectors/render');
/** Texts that once broke something. */
export const BROKEN = path.join(import.meta.dirname, '../vectors/fuzz');

/** Returns the documents of a folder; the goldens beside them are not among them. */
export const documentsOf = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => !name.endsWith('.golden'));

export const readDocumentOf = (folder: string, name: string): string =>
  readFileSync(path.join(folder, name), 'utf8');

/** Reads what is not packed, on a machine without names. */
export const PLAIN: Reader = {
  gunzip: () => {
    throw new Error('there is no gzip here');
  },
  names: {},
};

/** Reads a text as a node reads a file. Throws a ForeignError when it is for another program. */
export function parseDocument(source: string, text: string, reader = PLAIN): ParsedDocument {
  const content = parseBytes(source, new TextEncoder().encode(text), reader);
  if (content.tag === 'document') return content.parsed;
  if (content.tag === 'foreign') throw new ForeignError(source, content.foreign);
  throw new Error(`${source} is empty`);
}
