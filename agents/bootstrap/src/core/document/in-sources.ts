import { BootstrapError } from '../faults/errors.ts';
import { writtenAt } from './formats/written.ts';
import type { Part } from './parsed-document.ts';

const MERGED = /^read the bootstrap document: ([\w.-]+)/;

const valueAt = (document: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null
        ? new Map<string, unknown>(Object.entries(found)).get(key)
        : undefined,
    document,
  );

/** Returns the parts with a field: the last one that has it, or all that have the section which it is missing in. */
function partsWith(parts: readonly Part[], field: string): readonly Part[] {
  const path = field.split('.');
  const last = parts.findLast(({ document }) => valueAt(document, path) !== undefined);
  if (last !== undefined) return [last];
  const top = path.slice(0, 1);
  const having = parts.filter(({ document }) => valueAt(document, top) !== undefined);
  return having.length > 0 ? having : parts;
}

/**
 * Replaces the words for the merged document by the names of its sources, because nobody else knows which one to
 * correct, and the field by its path in the form of a single source.
 */
function named(error: unknown, parts: readonly Part[]): unknown {
  if (!(error instanceof BootstrapError)) return error;
  const field = MERGED.exec(error.message)?.[1];
  if (field === undefined || parts.length === 0) return error;
  const [first, ...others] = partsWith(parts, field);
  const names = [first, ...others].map((part) => part?.source).join(' and ');
  const path = others.length === 0 ? writtenAt(first?.kind ?? '', field) : field;
  const message = error.message.replace(
    `the bootstrap document: ${field}`,
    () => `${names}: ${path}`,
  );
  return new BootstrapError(error.faultCode, message, { cause: error.cause, remedy: error.remedy });
}

/** Runs work on a merged document. Its faults name the sources of the field. */
export async function inSources<Result>(
  parts: readonly Part[],
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw named(error, parts);
  }
}
