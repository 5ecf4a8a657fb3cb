import { parse } from '@kios/agent/parse';

import { fieldError } from '../faults/errors.ts';
import { checkConverted } from './check-converted.ts';
import { fetcherIn, type Foreign, ForeignError, foreignOf, isOurs } from './foreign.ts';
import { type CarriedJoin, findJoin, type Reader } from './formats/cloud-join.ts';
import { convertNodeConfig, joinNodeConfigs } from './formats/eks.ts';
import { findJoinCommands, isJoinCommand } from './formats/find-join-command.ts';
import { parseJoinCommand } from './formats/join-command.ts';
import { convertMetadataInformation } from './formats/kios-aws.ts';
import { kubeadmFault } from './formats/kubeadm-kinds.ts';
import { convertJoinConfiguration } from './formats/kubeadm.ts';
import { isMime, parseMime, type Text } from './formats/mime.ts';
import { refuseOtherForms } from './forms.ts';
import { mergeDocuments } from './merge.ts';
import { withoutNulls } from './nulls.ts';
import type { ParsedDocument, Warning } from './parsed-document.ts';
import { NodeBootstrap } from './schema.ts';
import { chooseDocument, type Head, headOf } from './several.ts';
import { withNearest } from './unknown-fields.ts';
import { checkSize, decodeText } from './yaml.ts';

type Converter = (source: string, input: unknown) => ParsedDocument;

const own: Converter = (source, input) => {
  refuseOtherForms(source, input);
  const document = parse(NodeBootstrap, source, input, (message) =>
    fieldError(withNearest(message, NodeBootstrap, input)),
  );
  return { document, kind: 'NodeBootstrap', warnings: [] };
};

/** Keyed by apiVersion and kind. Anything else is parsed as NodeBootstrap. */
const CONVERTERS: Readonly<Record<string, Converter>> = {
  'kios.redcoat.dev/v1alpha1 MetadataInformation': convertMetadataInformation,
  'kios.redcoat.dev/v1alpha1 AWSMetadataInformation': convertMetadataInformation,
  'node.eks.aws/v1alpha1 NodeConfig': convertNodeConfig,
  'kubeadm.k8s.io/v1beta3 JoinConfiguration': convertJoinConfiguration,
  'kubeadm.k8s.io/v1beta4 JoinConfiguration': convertJoinConfiguration,
};

const converterOf = ({ apiVersion, kind }: Head): Converter | undefined =>
  CONVERTERS[`${apiVersion} ${kind}`];

const isRead = (head: Head): boolean =>
  converterOf(head) !== undefined || head.apiVersion.startsWith('kios.dev/');

function convert(source: string, input: unknown): ParsedDocument {
  const given = withoutNulls(input);
  const head = headOf(given);
  const fault = kubeadmFault(head);
  if (fault !== undefined) throw fieldError(`read ${source}: ${fault}`);
  const converter = (head && converterOf(head)) ?? own;
  return checkConverted(source, converter(source, given));
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

/** A text whose form is known: a reading, or a document that is converted together with others of its kind. */
interface Piece {
  readonly source: string;
  readonly reading?: ParsedDocument;
  readonly input?: unknown;
  readonly warnings: readonly Warning[];
}

/** Tells the form of a text. Throws a ForeignError when it is for another program. */
function readPiece({ source, text }: Text, reader: Reader | undefined): Piece {
  const carried = reader && findJoin(source, text, reader);
  if (carried !== undefined) return { source, reading: parseCarried(carried), warnings: [] };
  const foreign = foreignOf(text);
  if (foreign !== undefined) throw new ForeignError(source, foreign);
  if (!isJoinCommand(text)) return { source, ...chooseDocument(source, text, isRead) };
  const reading = checkConverted(source, parseJoinCommand(source, text));
  return { source, reading, warnings: [] };
}

/** A join that stands alone behind `#` is pasted with the prompt of root; among other comments it is one of them. */
const isPasted = ([line = '', ...others]: readonly string[]): boolean =>
  others.length === 0 && findJoinCommands(line).commands.some(({ text }) => text.includes('--'));

/** Comments alone say nothing, as in a file from which somebody took everything out, and no more do null and `{}`. */
function isEmpty(text: string): boolean {
  const said = text
    .split('\n')
    .filter((line) => !/^\s*(?:---\s*|\.\.\.\s*)?(?:null|~|\{\s*\})?\s*$/.test(line));
  return said.every((line) => line.trimStart().startsWith('#')) && !isPasted(said);
}

const saysNothing = (text: string): boolean => foreignOf(text) === undefined && isEmpty(text);

/** Reads one part. One that turns out to be for another program is a warning. */
function readPart(part: Text, reader: Reader): Piece | Warning {
  try {
    return saysNothing(part.text)
      ? { path: part.source, why: 'it is empty' }
      : readPiece(part, reader);
  } catch (error) {
    if (error instanceof ForeignError)
      return { path: part.source, why: `it is ${error.foreign.what}` };
    throw error;
  }
}

function parseMimeDocument(source: string, bytes: Uint8Array, reader: Reader): ParsedDocument {
  const mime = parseMime(source, bytes, reader.gunzip, mayHold(source, reader));
  checkSize(
    source,
    mime.parts.map(({ text }) => text),
  );
  const read = mime.parts.map((part) => readPart(part, reader));
  const pieces = read.filter((part) => 'source' in part);
  const foreign = read.filter((part) => 'why' in part);
  const readingOf = new Map(pieces.map((piece) => [piece.source, piece.reading]));
  const inputs = pieces.map(({ source: from, input }) => ({ source: from, input }));
  const readings = joinNodeConfigs(source, inputs).map(
    (part) => readingOf.get(part.source) ?? convert(part.source, part.input),
  );
  const document = mergeDocuments(readings.map((reading) => reading.document));
  if (document === undefined)
    throw new ForeignError(source, fetcherIn(new TextDecoder().decode(bytes)) ?? FOREIGN_MIME);
  return {
    document,
    kind: `MIME, ${readings.map(({ kind }) => kind).join(' and ')}`,
    warnings: [...foreign, ...[mime, ...pieces, ...readings].flatMap(({ warnings }) => warnings)],
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
  const { reading, input, warnings } = readPiece({ source, text }, reader);
  const found = reading ?? convert(source, input);
  return { ...found, warnings: [...warnings, ...found.warnings] };
}

/** What there is in a file or in user data. */
export type Content =
  | { readonly tag: 'document'; readonly parsed: ParsedDocument }
  | { readonly tag: 'foreign'; readonly foreign: Foreign; readonly text: string }
  | { readonly tag: 'empty' };

/** Parses unpacked bytes, which a MIME document may have in its parts. */
export function parseBytes(source: string, bytes: Uint8Array, reader: Reader): Content {
  // Without its mark of the byte order, which decoding takes away.
  const start = new TextDecoder().decode(bytes.subarray(0, 1024));
  const text = isMime(start) ? undefined : decodeText(source, bytes);
  try {
    if (text !== undefined && saysNothing(text)) return { tag: 'empty' };
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
