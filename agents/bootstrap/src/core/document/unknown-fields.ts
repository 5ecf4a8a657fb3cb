import type { GenericSchema } from 'valibot';

import { isMap } from './schema-parts.ts';
import { misfitsOf, type Shape } from './shape.ts';

const hasFields = (
  schema: object,
): schema is { readonly entries: Readonly<Record<string, GenericSchema>> } => 'entries' in schema;

const isOptional = (schema: object): schema is { readonly wrapped: GenericSchema } =>
  'wrapped' in schema;

const isList = (schema: object): schema is { readonly item: GenericSchema } => 'item' in schema;

const fieldsOf = (
  entries: Readonly<Record<string, GenericSchema>>,
): Readonly<Record<string, Shape>> =>
  Object.fromEntries(Object.entries(entries).map(([name, schema]) => [name, shapeOf(schema)]));

/** Returns where a schema has fields. Their values are judged by the schema itself. */
function shapeOf(schema: object): Shape {
  if (isOptional(schema)) return shapeOf(schema.wrapped);
  if (isList(schema)) return [shapeOf(schema.item)];
  return hasFields(schema) ? fieldsOf(schema.entries) : 'any';
}

/** Returns the fields of a value that a schema leaves out, at every level, each with the known one that is nearest. */
export function unknownFields(
  schema: object,
  value: unknown,
): readonly { readonly path: string; readonly why: string }[] {
  if (!hasFields(schema) || !isMap(value)) return [];
  return misfitsOf(fieldsOf(schema.entries), value)
    .filter(({ kind }) => kind === 'unknown')
    .map(({ path, why }) => ({ path: path.join('.'), why }));
}

/** Adds the nearest known names to a message of `parse` about fields that are not known. */
export const withNearest = (message: string, schema: object, value: unknown): string =>
  unknownFields(schema, value)
    // A long message is searched for those few alone of which there is more to say.
    .filter(({ why }) => why !== 'is not a known field')
    .reduce(
      (told, { path, why }) =>
        told.replace(
          ` ${path}: not a known field`,
          () => ` ${path}: ${why.replace('is not', 'not')}`,
        ),
      message,
    );
