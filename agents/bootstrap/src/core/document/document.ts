import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { fieldError } from '../faults/errors.ts';
import { type Foreign, ForeignError, foreignOf, isOurs } from './foreign.ts';
import { type CarriedJoin, findJoin, type Reader } from './formats/cloud-join.ts';
import { convertNodeConfig } from './formats/eks.ts';
import { isJoinCommand, parseJoinCommand } from './formats/join-command.ts';
import { convertMetadataInformation } from './formats/kios-aws.ts';
import { convertJoinConfiguration } from './formats/kubeadm.ts';
import { isMime, parseMime, type Text } from './formats/mime.ts';
import { refuseOtherForms } from './forms.ts';
import { mergeDocuments } from './merge.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { NodeBootstrap } from './schema.ts';
import { checkSize, decodeText, parseYaml } from './yaml.ts';

type Converter = (source: string, input: unknown) => ParsedDocument;

const own: Converter = (source, input) => {
  refuseOtherForms(source, input);
  return {
    document: parse(NodeBootstrap, source, input, fieldError),
    kind: 'NodeBootstrap',
    warnings: [],
  };
};

/** Keyed by apiVersion and kind. Anything else is parsed as NodeBootstrap. */
const CONVERTERS: Readonly<Record<string, Converter>> = {
  'kios.redcoat.dev/v1alpha1 MetadataInformation': convertMetadataInformation,
  'kios.redcoat.dev/v1alpha1 AWSMetadataInformation': convertMetadataInformation,
  'node.eks.aws/v1alpha1 NodeConfig': convertNodeConfig,
  'kubeadm.k8s.io/v1beta3 JoinConfiguration': convertJoinConfiguration,
  'kubeadm.k8s.io/v1beta4 JoinConfiguration': convertJoinConfiguration,
};

const Head = v.object({ apiVersion: v.string(), kind: v.string() });

function convert(source: string, input: unknown): ParsedDocument {
  const head = v.safeParse(Head, input);
  const name = head.success ? `${head.output.apiVersion} ${head.output.kind}` : '';
  return (CONVERTERS[name] ?? own)(source, input);
}

const FOREIGN_MIME: Foreign = {
  what: 'MIME whose parts are all for other programs',
  instead:
    'Add the document as a part of the type application/yaml; parts for a shell are never executed',
};

/** Returns whether a text without a type of its own is a document for a node, or carries a join. */
const mayHold =
  (source: string, reader: Reader) =>
  (text: string): boolean =>
    isJoinCommand(text) || isOurs(text) || findJoin(source, text, reader) !== undefined;

/** Parses one part; undefined when it turns out to be for another program. */
function parsePart({ source, text }: Text, reader: Reader): ParsedDocument | undefined {
  try {
    return parseText(source, text, reader);
  } catch (error) {
    if (error instanceof ForeignError) return undefined;
    throw error;
  }
}

function parseMimeDocument(source: string, bytes: Uint8Array, reader: Reader): ParsedDocument {
  const { parts, warnings } = parseMime(source, bytes, reader.gunzip, mayHold(source, reader));
  checkSize(
    source,
    parts.map(({ text }) => text),
  );
  const readings = parts
    .map((part) => parsePart(part, reader))
    .filter((reading) => reading !== undefined);
  const document = mergeDocuments(readings.map((reading) => reading.document));
  if (document === undefined) throw new ForeignError(source, FOREIGN_MIME);
  return {
    document,
    kind: `MIME, ${readings.map(({ kind }) => kind).join(' and ')}`,
    warnings: [...warnings, ...readings.flatMap((reading) => reading.warnings)],
  };
}

/** Adds to a join what cloud-init's text says around it. */
function parseCarried({ source, text, name, warnings }: CarriedJoin): ParsedDocument {
  const { document, kind, warnings: others } = parseText(source, text);
  const node = { ...(name === undefined ? {} : { name }), ...document.node };
  return {
    document: { ...document, node },
    kind: `cloud-config, ${kind}`,
    warnings: [...others, ...warnings],
  };
}

function parseText(source: string, text: string, reader?: Reader): ParsedDocument {
  const carried = reader && findJoin(source, text, reader);
  if (carried !== undefined) return parseCarried(carried);
  const foreign = foreignOf(text);
  if (foreign !== undefined) throw new ForeignError(source, foreign);
  if (isJoinCommand(text)) return parseJoinCommand(source, text);
  return convert(source, parseYaml(source, text));
}

const PLAIN: Reader = {
  gunzip: () => {
    throw new Error('there is no gzip here');
  },
  names: {},
};

/**
 * Parses a document in any supported form. Every fault names the field and the cause. Throws a ForeignError when the
 * text is for another program.
 */
export function parseDocument(source: string, text: string, reader = PLAIN): ParsedDocument {
  return isMime(text)
    ? parseMimeDocument(source, new TextEncoder().encode(text), reader)
    : parseText(source, text, reader);
}

/** What there is in a file or in user data. */
export type Content =
  | { readonly tag: 'document'; readonly parsed: ParsedDocument }
  | { readonly tag: 'foreign'; readonly foreign: Foreign; readonly text: string }
  | { readonly tag: 'empty' };

/** Comments alone say nothing, as in a file from which somebody took everything out. */
const isEmpty = (text: string): boolean =>
  text.split('\n').every((line) => /^\s*(?:#|---\s*$|\.\.\.\s*$|$)/.test(line));

/** Parses unpacked bytes, which a MIME document may have in its parts. */
export function parseBytes(source: string, bytes: Uint8Array, reader: Reader): Content {
  // Without its mark of the byte order, which decoding takes away.
  const start = new TextDecoder().decode(bytes.subarray(0, 1024));
  const text = isMime(start) ? undefined : decodeText(source, bytes);
  try {
    if (text !== undefined && foreignOf(text) === undefined && isEmpty(text))
      return { tag: 'empty' };
    const parsed =
      text === undefined
        ? parseMimeDocument(source, bytes, reader)
        : parseText(source, text, reader);
    return { tag: 'document', parsed };
  } catch (error) {
    if (!(error instanceof ForeignError)) throw error;
    return { tag: 'foreign', foreign: error.foreign, text: text ?? '' };
  }
}
