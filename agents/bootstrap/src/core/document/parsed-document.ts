import type { NodeBootstrap } from './schema.ts';

/** A part of a document that is left out; the node joins without it. */
export interface Warning {
  readonly path: string;
  readonly why: string;
}

/** A text of any supported form, converted to ours. */
export interface ParsedDocument {
  readonly document: NodeBootstrap;
  /** The form of the text. */
  readonly kind: string;
  readonly warnings: readonly Warning[];
}

/** A parsed text and its source, a file or an address. */
export interface Part extends ParsedDocument {
  readonly source: string;
}
