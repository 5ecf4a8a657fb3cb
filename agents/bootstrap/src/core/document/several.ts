import * as v from 'valibot';

import { BootstrapError } from '../faults/errors.ts';
import { kubeadmFault } from './formats/kubeadm-kinds.ts';
import type { Warning } from './parsed-document.ts';
import { parseYamlDocuments } from './yaml.ts';

const Head = v.object({ apiVersion: v.string(), kind: v.string() });
export type Head = v.InferOutput<typeof Head>;

/** Returns apiVersion and kind; undefined when a document lacks one. */
export function headOf(input: unknown): Head | undefined {
  const head = v.safeParse(Head, input);
  return head.success ? head.output : undefined;
}

interface Choice {
  readonly input: unknown;
  readonly warnings: readonly Warning[];
}

interface Numbered {
  readonly input: unknown;
  readonly number: number;
}

/** Kinds are names; anything longer may be a secret in the wrong place. */
const shown = (input: unknown): string => {
  const kind = headOf(input)?.kind ?? '';
  return /^\w{1,63}$/.test(kind) ? kind : 'a document without apiVersion and kind';
};

const listed = (some: readonly Numbered[]): string =>
  some.map(({ input, number }) => `document ${number}, ${shown(input)}`).join('; ');

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

/**
 * Returns the one document of a text that a node reads. Kubeadm's files have others beside it, which give a warning;
 * empty ones do not count.
 */
export function chooseDocument(
  source: string,
  text: string,
  isRead: (head: Head) => boolean,
): Choice {
  const documents = parseYamlDocuments(source, text)
    .map((input, at): Numbered => ({ input, number: at + 1 }))
    .filter(({ input }) => input !== null);
  const [first, ...more] = documents;
  if (first === undefined || more.length === 0)
    return { input: first?.input ?? null, warnings: [] };
  const counts = ({ input }: Numbered): boolean => {
    const head = headOf(input);
    return head !== undefined && isRead(head);
  };
  const [chosen, ...rivals] = documents.filter(counts);
  if (chosen === undefined) {
    const why = documents.map(({ input }) => kubeadmFault(headOf(input))).find(Boolean);
    throw bad(source, `none of its documents is read here: ${why ?? listed(documents)}`);
  }
  if (rivals.length > 0)
    throw bad(source, `more than one of its documents counts: ${listed([chosen, ...rivals])}`);
  const warnings = documents
    .filter((document) => document !== chosen)
    .map(({ input, number }) => ({
      path: `document ${number}`,
      why: `${shown(input)} is not read here`,
    }));
  return { input: chosen.input, warnings };
}
