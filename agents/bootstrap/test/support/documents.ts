import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One document of each form that a node reads, and the files that `render` makes of it. */
export const RENDER = path.join(import.meta.dirname, '../vectors/render');
/** Texts that once broke something. */
export const BROKEN = path.join(import.meta.dirname, '../vectors/fuzz');

/** Returns the documents of a folder; the goldens beside them are not among them. */
export const documentsOf = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => !name.endsWith('.golden'));

export const readDocumentOf = (folder: string, name: string): string =>
  readFileSync(path.join(folder, name), 'utf8');
