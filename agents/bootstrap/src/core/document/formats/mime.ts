import { BootstrapError } from '../../faults/errors.ts';
import type { Warning } from '../parsed-document.ts';

/** Returns whether a text is a MIME document, as launch templates and EKS make them. */
export const isMime = (text: string): boolean =>
  /^(?:MIME-Version:|Content-Type:\s*multipart\/)/i.test(text);

export interface MimeParts {
  readonly parts: readonly { readonly source: string; readonly text: string }[];
  readonly warnings: readonly Warning[];
}

const OURS = new Set([
  'application/node.eks.aws',
  'application/yaml',
  'application/x-yaml',
  'text/yaml',
  'text/x-yaml',
]);

const MAX_PARTS = 100;

interface Entity {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Splits headers from body. A header line that begins with white space continues the one before. */
function splitEntity(text: string): Entity {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => line.trim() === '');
  const head = lines.slice(0, end === -1 ? lines.length : end).join('\n');
  const pairs = head
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => /^([^:\s]+):\s*(.*)$/.exec(line.trim()))
    .filter((match) => match !== null);
  return {
    headers: new Map(pairs.map(([, name, value]) => [(name ?? '').toLowerCase(), value ?? ''])),
    body: end === -1 ? '' : lines.slice(end + 1).join('\n'),
  };
}

const typeOf = ({ headers }: Entity): string =>
  (headers.get('content-type') ?? 'text/plain').split(';')[0]?.trim().toLowerCase() ?? '';

function decodeBody({ headers, body }: Entity): string | undefined {
  const encoding = (headers.get('content-transfer-encoding') ?? '7bit').trim().toLowerCase();
  if (['7bit', '8bit', 'binary'].includes(encoding)) return body;
  const packed = body.replaceAll(/\s+/g, '');
  if (encoding !== 'base64' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed))
    return undefined;
  const bytes = Uint8Array.from(atob(packed), (char) => char.codePointAt(0) ?? 0);
  return new TextDecoder().decode(bytes);
}

function boundaryOf(source: string, whole: Entity): string {
  const contentType = whole.headers.get('content-type') ?? '';
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary !== undefined) return boundary;
  throw new BootstrapError(
    'KIOS_BOOTSTRAP_DOCUMENT',
    `read ${source}: its MIME header names no boundary`,
  );
}

/**
 * Returns the parts that are documents for a node. Those for a shell or cloud-init give a warning and are never
 * executed.
 */
export function parseMime(source: string, text: string): MimeParts {
  const whole = splitEntity(text.replaceAll('\r\n', '\n'));
  const sections = `\n${whole.body}`.split(`\n--${boundaryOf(source, whole)}`).slice(1);
  if (sections.length > MAX_PARTS)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_DOCUMENT',
      `read ${source}: it has more than ${MAX_PARTS} MIME parts`,
    );
  const parts: { source: string; text: string }[] = [];
  const warnings: Warning[] = [];
  for (const [index, section] of sections.entries()) {
    if (section.startsWith('--')) break;
    const entity = splitEntity(section.replace(/^[ \t]*\n/, ''));
    const path = `part ${index + 1}`;
    const body = OURS.has(typeOf(entity)) ? decodeBody(entity) : undefined;
    if (body === undefined) warnings.push({ path, why: `${typeOf(entity)} is skipped` });
    else parts.push({ source: `${source}, ${path}`, text: body });
  }
  return { parts, warnings };
}
