import type * as v from 'valibot';

import { entriesOf, itemOf, refusalOf } from './inspect.ts';
import { network, SECTION_NAMES, SECTIONS } from './netplan.ts';

/** A key of the file, for the documentation. */
export interface Field {
  /** With the sections that have it: `*` for all. */
  readonly sections: readonly string[];
  readonly key: string;
  /** Why the key is refused; `undefined` if it is supported. */
  readonly refused: string | undefined;
}

/** Keys of a map and of the maps and lists in it: `routes[].to`. */
function keysOf(
  schema: v.GenericSchema,
  prefix: string,
): (readonly [string, string | undefined])[] {
  const entries = entriesOf(schema);
  if (entries === undefined) {
    // Entries of a list; a map with free keys has no names to list.
    const item = itemOf(schema);
    return item === undefined || entriesOf(item) === undefined ? [] : keysOf(item, `${prefix}[]`);
  }
  return Object.entries(entries).flatMap(([key, entry]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const inner = keysOf(entry, name);
    return inner.length > 0 ? inner : [[name, refusalOf(entry)] as const];
  });
}

/** Lists every key that the schema knows, supported or refused. */
export function netplanFields(): Field[] {
  const found = new Map<string, { key: string; sections: string[]; refused: string | undefined }>();
  for (const section of SECTION_NAMES)
    for (const [key, refused] of keysOf(SECTIONS[section], '')) {
      // `link` is refused for cards and needed for VLANs.
      const name = `${key} ${refused ?? ''}`;
      const known = found.get(name) ?? { key, sections: [], refused };
      known.sections.push(section);
      found.set(name, known);
    }
  const links = [...found.values()].map(({ key, sections: having, refused }) => ({
    key,
    refused,
    sections: having.length === SECTION_NAMES.length ? ['*'] : having,
  }));
  const top = Object.entries(entriesOf(network) ?? {}).flatMap(([key, entry]) =>
    Object.hasOwn(SECTIONS, key) ? [] : [{ key, refused: refusalOf(entry), sections: ['network'] }],
  );
  return [...top, ...links];
}
