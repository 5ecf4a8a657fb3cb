import type { NodeBootstrap } from './schema.ts';

/** Something in a document that is left out; the node joins without it. */
export interface Warning {
  readonly path: string;
  readonly why: string;
}

/** What a text said, in our own terms. */
export interface ParsedDocument {
  readonly document: NodeBootstrap;
  /** The form it was written in. */
  readonly kind: string;
  readonly warnings: readonly Warning[];
}

/** One text that was read, and where from. */
export interface Part extends ParsedDocument {
  readonly source: string;
}
