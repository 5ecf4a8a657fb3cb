import { repeatedKeys } from '@kios/network-config/repeated-keys';
import { type Document, parseAllDocuments, stringify } from 'yaml';

import type { Warning } from '../parsed-document.ts';
import { checkSize, QUIET } from '../yaml.ts';

/** What cloud-init would fill into a template, as far as it is known: on a workstation it is not. */
export interface MachineNames {
  readonly hostname?: string | undefined;
  readonly instanceId?: string | undefined;
  readonly instanceType?: string | undefined;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
}

/** cloud-init's variables of a machine, without the part that says where it has them from. */
const VARIABLES: Readonly<Record<string, keyof MachineNames>> = {
  local_hostname: 'hostname',
  hostname: 'hostname',
  instance_id: 'instanceId',
  instance_type: 'instanceType',
  region: 'region',
  availability_zone: 'zone',
  'placement.availability_zone': 'zone',
  'placement.region': 'region',
};

/** An expression, with the quotes that a shell would take away from it. */
const EXPRESSION = /'\{\{-?([^{}]*?)-?\}\}'|\{\{-?([^{}]*?)-?\}\}/g;

/** Returns the fact that an expression stands for: `ds.meta_data["local_hostname"]`, `v1.region`, `instance_id`. */
function factOf(expression: string): keyof MachineNames | undefined {
  const name = expression
    .trim()
    .replaceAll(/\[["']([\w.-]+)["']\]/g, '.$1')
    .replace(/^(?:ds\.meta_data|v1)\./, '')
    .replaceAll('-', '_');
  return VARIABLES[name];
}

/** Values come from the metadata: they may fill a name, and never change what a document means. */
const isPlain = (value: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,252}$/.test(value);

/** Fills in one text; undefined when a value is not known. */
export function fillText(text: string, names: MachineNames): string | undefined {
  let isKnown = true;
  const filled = text.replaceAll(EXPRESSION, (_all, quoted?: string, bare?: string) => {
    const fact = factOf(quoted ?? bare ?? '');
    const value = fact === undefined ? undefined : names[fact];
    isKnown &&= value !== undefined && isPlain(value);
    return value ?? '';
  });
  return isKnown && !/\{\{|\{%/.test(filled) ? filled : undefined;
}

const isHostname = (value: string): boolean =>
  [...value.matchAll(EXPRESSION)].some(
    ([all, quoted, bare]) => all === value.trim() && factOf(quoted ?? bare ?? '') === 'hostname',
  );

/** Stands for a value that is left out. */
const ABSENT = Symbol('absent');

class Filler {
  readonly warnings: Warning[] = [];
  readonly #names: MachineNames;

  constructor(names: MachineNames) {
    this.#names = names;
  }

  fill(value: unknown, path: readonly string[]): unknown {
    if (typeof value === 'string') return value.includes('{{') ? this.#text(value, path) : value;
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]): readonly [string, unknown] => [
      key,
      this.fill(item, [...path, key]),
    ]);
    const kept = entries.filter(([, item]) => item !== ABSENT);
    if (Array.isArray(value)) return kept.map(([, item]) => item);
    // An argument without its value is none.
    const isArgument = kept.length < entries.length && /^\d+$/.test(path.at(-1) ?? '');
    return isArgument ? ABSENT : Object.fromEntries(kept);
  }

  #text(value: string, path: readonly string[]): unknown {
    // The machine's name is what a node without a name of its own takes.
    if (path.at(-1) === 'name' && isHostname(value)) return ABSENT;
    const filled = fillText(value, this.#names);
    if (filled !== undefined) return filled;
    const why = 'it is left out: cloud-init’s value for it is not known';
    this.warnings.push({ path: path.join('.'), why });
    return ABSENT;
  }
}

/** A document whose aliases expand to too much has no value, and is refused when it is parsed. */
function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return null;
  }
}

export interface Filled {
  readonly text: string;
  readonly warnings: readonly Warning[];
}

/**
 * Fills the values of YAML documents in. Where a value is not known, the field is left out with a warning: a node joins
 * without it, and its other fields are what they were.
 */
export function fillDocuments(source: string, text: string, names: MachineNames): Filled {
  if (!text.includes('{{')) return { text, warnings: [] };
  checkSize(source, [text]);
  const documents = parseAllDocuments(text, QUIET);
  const isBroken =
    !Array.isArray(documents) ||
    documents.some((document) => document.errors.length > 0 || repeatedKeys(document).length > 0);
  if (isBroken) return { text, warnings: [] };
  const filler = new Filler(names);
  const filled = documents.map((document) => {
    const value = filler.fill(valueOf(document), []);
    return stringify(value === ABSENT ? null : value);
  });
  return { text: filled.join('---\n'), warnings: filler.warnings };
}

/** Makes YAML of a template: its comments go, and a value that is an expression alone gets quotes. */
export const asYaml = (template: string): string =>
  template
    .replace(/^\s*##\s*template:[^\n]*\n/, '')
    .replaceAll(/\{#[\s\S]*?#\}/g, '')
    .replaceAll(/\{%-?\s*(?:end)?raw\s*-?%\}/g, '')
    .replaceAll(/^([ \t]*(?:- )?[\w.-]+:[ \t]+)(\{\{[^'"\n]*\}\})[ \t]*$/gm, "$1'$2'");
