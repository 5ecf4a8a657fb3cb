import { BootstrapError } from '../faults/errors.ts';
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

/** Returns the sources of a field: the last one that has it, or all that have the section which it is missing in. */
function sourcesOf(parts: readonly Part[], field: string): readonly string[] {
  const path = field.split('.');
  const last = parts.findLast(({ document }) => valueAt(document, path) !== undefined);
  if (last !== undefined) return [last.source];
  const top = path.slice(0, 1);
  const having = parts.filter(({ document }) => valueAt(document, top) !== undefined);
  return (having.length > 0 ? having : parts).map(({ source }) => source);
}

/** Replaces the words for the merged document by the names of its sources: nobody else knows which one to correct. */
function named(error: unknown, parts: readonly Part[]): unknown {
  if (!(error instanceof BootstrapError)) return error;
  const field = MERGED.exec(error.message)?.[1];
  if (field === undefined || parts.length === 0) return error;
  const names = sourcesOf(parts, field).join(' and ');
  const message = error.message.replace('the bootstrap document', () => names);
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
