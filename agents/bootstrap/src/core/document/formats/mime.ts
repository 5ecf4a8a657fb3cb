import { BootstrapError } from '../../faults/errors.ts';
import type { Warning } from '../parsed-document.ts';
import { fromBase64, type Gunzip, unpack } from '../user-data.ts';
import { decodeText, MAX_TEXT } from '../yaml.ts';

const MIME_HEADER = /^(?:MIME-Version:|Content-Type:\s*multipart\/)/i;

/** A line of a document has the form of a header too. */
const isHeader = (line: string): boolean =>
  /^[!-9;-~]+:/.test(line) && !/^(?:--|apiVersion:|kind:)/.test(line);

/** The line by which a mailbox parts its messages; some programs write it before a single one. */
const FROM_LINE = /^From [^\r\n]*\r?\n/;

/** Returns whether a text is a MIME document, as launch templates and EKS make them, whatever headers come first. */
export function isMime(text: string): boolean {
  const [head = ''] = text
    .trimStart()
    .replace(FROM_LINE, '')
    .split(/\r?\n[ \t]*\r?\n/, 1);
  if (MIME_HEADER.test(head)) return true;
  const lines = head.split(/\r?\n/);
  return (
    lines.some((line) => MIME_HEADER.test(line)) &&
    lines.every((line, at) => isHeader(line) || (at > 0 && /^[ \t]/.test(line)))
  );
}

/** The text of a part that may hold a document. */
export interface Text {
  readonly source: string;
  readonly text: string;
}

export interface MimeParts {
  readonly parts: readonly Text[];
  readonly warnings: readonly Warning[];
}

/** Parts of these types are documents for a node. */
const OURS = new Set(['application/node.eks.aws', 'application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']); // prettier-ignore
/** Of parts of these types cloud-init, too, goes by their content. */
const ANYTHING = new Set(['text/plain', 'text/x-not-multipart', 'text/cloud-config', 'text/jinja2', 'application/octet-stream', 'application/gzip', 'application/x-gzip']); // prettier-ignore

const MAX_PARTS = 100;
const MAX_DEPTH = 3;

/** Bytes as text, one character each: a part may be anything, and headers and boundaries are ASCII. */
function charsOf(bytes: Uint8Array): string {
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += 4096)
    chunks.push(String.fromCodePoint(...bytes.subarray(at, at + 4096)));
  return chunks.join('');
}

const bytesOf = (chars: string): Uint8Array =>
  Uint8Array.from(chars, (char) => char.codePointAt(0) ?? 0);

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

interface Entity {
  readonly source: string;
  readonly headers: ReadonlyMap<string, string>;
  /** One character for each byte. */
  readonly body: string;
}

/** Splits headers from body. A header line that begins with white space continues the one before. */
function splitEntity(source: string, chars: string): Entity {
  const end = /(?:^|\r?\n)[ \t]*\r?\n/.exec(chars);
  const head = end === null ? chars : chars.slice(0, end.index);
  const lines = head
    .replaceAll(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
  if (!lines.every(isHeader))
    throw bad(source, 'the empty line is missing between its MIME header and its content');
  const pairs = lines.map((line): readonly [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  const body = end === null ? '' : chars.slice(end.index + end[0].length);
  return { source, headers: new Map(pairs), body };
}

const typeOf = ({ headers }: Entity): string =>
  (headers.get('content-type') ?? 'text/plain').split(';')[0]?.trim().toLowerCase() ?? '';

const fromQuotedPrintable = (text: string): Uint8Array =>
  bytesOf(
    text
      .replaceAll(/=[ \t]*\r?\n/g, '')
      .replaceAll(/=([0-9A-F]{2})/gi, (_all, hex: string) =>
        String.fromCodePoint(Number.parseInt(hex, 16)),
      ),
  );

function decodeBody({ source, headers, body }: Entity): Uint8Array {
  const encoding = (headers.get('content-transfer-encoding') ?? '7bit').toLowerCase();
  if (['7bit', '8bit', 'binary'].includes(encoding)) return bytesOf(body);
  if (encoding === 'quoted-printable') return fromQuotedPrintable(body);
  const bytes = encoding === 'base64' ? fromBase64(body) : undefined;
  if (bytes !== undefined) return bytes;
  throw bad(
    source,
    encoding === 'base64'
      ? 'it is not the base64 that its header promises'
      : 'its Content-Transfer-Encoding is not known',
  );
}

function boundaryOf({ source, headers }: Entity): string {
  const contentType = headers.get('content-type') ?? '';
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw bad(source, 'its MIME header names no boundary');
  return boundary;
}

/** Splits the body at its boundary. What stands before the first and behind the last one is no part. */
function sectionsOf(whole: Entity): readonly string[] {
  const boundary = boundaryOf(whole).replaceAll(/[^\w ]/g, String.raw`\$&`);
  const lines = new RegExp(String.raw`(?:^|\r?\n)--${boundary}(--)?[ \t]*(?=\r?\n|$)`, 'g');
  const found = [...whole.body.matchAll(lines)];
  if (found.length === 0)
    throw bad(whole.source, 'the boundary of its MIME header is nowhere in it');
  if (found.length > MAX_PARTS) throw bad(whole.source, `it has more than ${MAX_PARTS} MIME parts`);
  const last = found.findIndex(([, closing]) => closing !== undefined);
  return found.slice(0, last === -1 ? found.length : last).map((match, index) => {
    const start = match.index + match[0].length;
    const end = found[index + 1]?.index ?? whole.body.length;
    return whole.body.slice(start, end).replace(/^\r?\n/, '');
  });
}

/** Reads the parts of one document, which share the limits of one text. */
class Reader {
  readonly parts: Text[] = [];
  readonly warnings: Warning[] = [];
  readonly #mayHold: (text: string) => boolean;
  readonly #gunzip: Gunzip;
  #length = 0;

  constructor(gunzip: Gunzip, mayHold: (text: string) => boolean) {
    this.#gunzip = gunzip;
    this.#mayHold = mayHold;
  }

  #textOf(entity: Entity): string {
    const { bytes } = unpack(entity.source, decodeBody(entity), this.#gunzip);
    this.#length += bytes.length;
    if (this.#length > MAX_TEXT)
      throw bad(entity.source, `with the parts before it has more than ${MAX_TEXT} bytes`);
    return decodeText(entity.source, bytes);
  }

  #readPart(entity: Entity, path: string): void {
    const type = typeOf(entity);
    const text = OURS.has(type) || ANYTHING.has(type) ? this.#textOf(entity) : undefined;
    if (text !== undefined && (OURS.has(type) || this.#mayHold(text)))
      this.parts.push({ source: entity.source, text });
    else this.warnings.push({ path, why: `${type} is skipped` });
  }

  readAll(whole: Entity, prefix = '', depth = 1): void {
    if (!typeOf(whole).startsWith('multipart/')) return this.#readPart(whole, 'its only part');
    if (depth > MAX_DEPTH) throw bad(whole.source, 'its MIME parts are nested too deep');
    for (const [index, section] of sectionsOf(whole).entries()) {
      const number = `${prefix}${index + 1}`;
      const source = `${whole.source.replace(/, part [\d.]+$/, '')}, part ${number}`;
      const entity = splitEntity(source, section);
      if (typeOf(entity).startsWith('multipart/')) this.readAll(entity, `${number}.`, depth + 1);
      else this.#readPart(entity, `part ${number}`);
    }
  }
}

/** A byte order mark, one character for each byte, blank lines, and the line of a mailbox. */
const BEFORE_HEAD = /^(?:\u00EF\u00BB\u00BF)?\s*(?:From [^\r\n]*\r?\n)?/;

/**
 * Returns the parts that are documents for a node; among those of a general type, the ones that `mayHold` one. Those
 * for a shell or cloud-init give a warning and are never executed.
 */
export function parseMime(
  source: string,
  bytes: Uint8Array,
  gunzip: Gunzip,
  mayHold: (text: string) => boolean,
): MimeParts {
  const reader = new Reader(gunzip, mayHold);
  reader.readAll(splitEntity(source, charsOf(bytes).replace(BEFORE_HEAD, '')));
  return { parts: reader.parts, warnings: reader.warnings };
}
