import type { GenericSchema } from 'valibot';

import { isMap } from './schema-parts.ts';
import { unknownName } from './unknown-field.ts';

const hasFields = (
  schema: object,
): schema is { readonly entries: Readonly<Record<string, GenericSchema>> } => 'entries' in schema;

const isOptional = (schema: object): schema is { readonly wrapped: GenericSchema } =>
  'wrapped' in schema;

const isList = (schema: object): schema is { readonly item: GenericSchema } => 'item' in schema;

/** Returns the fields of a value that a schema leaves out, at every level, each with the known one that is nearest. */
export function unknownFields(
  schema: object,
  value: unknown,
  path = '',
): readonly { readonly path: string; readonly why: string }[] {
  if (isOptional(schema)) return unknownFields(schema.wrapped, value, path);
  if (isList(schema) && Array.isArray(value))
    return value.flatMap((item: unknown, index) =>
      unknownFields(schema.item, item, `${path}.${index}`),
    );
  if (!hasFields(schema) || !isMap(value)) return [];
  const known = Object.keys(schema.entries);
  let earlier = 0;
  return Object.entries(value).flatMap(([name, item]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const inner = Object.hasOwn(schema.entries, name) ? schema.entries[name] : undefined;
    return inner === undefined
      ? [{ path: at, why: unknownName(name, known, { earlier: earlier++ }) }]
      : unknownFields(inner, item, at);
  });
}

/** Adds the nearest known names to a message of `parse` about fields that are not known. */
export const withNearest = (message: string, schema: object, value: unknown): string =>
  unknownFields(schema, value).reduce(
    (told, { path, why }) =>
      told.replace(
        ` ${path}: not a known field`,
        () => ` ${path}: ${why.replace('is not', 'not')}`,
      ),
    message,
  );
