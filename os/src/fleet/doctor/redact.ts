/** What a secret becomes. */
export const HIDDEN = '…';

/** Names whose values prove who somebody is. */
const SECRET_NAME =
  /(?:token|secret|passw(?:or)?d|passphrase|credential|api-?_?key|access-?_?key|private-?_?key|client-?_?key|auth(?:orization)?$|cookie|dockerconfig|signature|urlheader|bearer)/i;
/** Names that only seem so: of objects, files and times, and switches. */
const HARMLESS_NAME =
  /(?:name|names|path|file|dir|seconds|ttl|kind|type|version|mountpath|enabled|rotation|strategy|^serviceAccountToken|^projected)$/i;

interface Rule {
  readonly pattern: RegExp;
  readonly replacement: string;
}

const VALUE = String.raw`[^\s"'\\,;&<>(){}\[\]]`;

/** Forms of secrets in a text, each with what stays of it. */
const RULES: readonly Rule[] = [
  {
    pattern:
      /(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/gs,
    replacement: `$1${HIDDEN}`,
  },
  // RFC 7519, and what Kubernetes gives service accounts.
  { pattern: /\beyJ[\w-]{6,}(?:\.[\w-]+){0,2}/g, replacement: HIDDEN },
  // Bootstrap tokens: the identifier alone is public.
  { pattern: /\b([a-z0-9]{6})\.[a-z0-9]{16}\b/g, replacement: `$1.${HIDDEN}` },
  { pattern: /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, replacement: `$1 ${HIDDEN}` },
  { pattern: /(:\/\/)[^\s/@"'\\]{1,256}:[^\s/@"'\\]{1,256}@/g, replacement: `$1${HIDDEN}@` },
  { pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, replacement: HIDDEN },
  {
    // A name of a secret, then its value: in a query, as a flag, in YAML or in JSON, also in one that is itself quoted.
    pattern: new RegExp(
      String.raw`((?:token|secret|passw(?:or)?d|passphrase|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|client[-_]?key(?:-data)?|sig|signature|x-amz-[a-z-]{1,40})(?:\\*["'])?\s*[=:]\s*(?:\\*["'])?)${VALUE}{3,}`,
      'gi',
    ),
    replacement: `$1${HIDDEN}`,
  },
  {
    pattern: new RegExp(String.raw`(--[a-z-]{0,40}(?:token|secret|password|passphrase|key)\s+)${VALUE}{3,}`, 'gi'), // prettier-ignore
    replacement: `$1${HIDDEN}`,
  },
];

/** Hides secrets in a text: logs repeat what others say. */
export const redactText = (text: string): string =>
  RULES.reduce(
    (redacted, { pattern, replacement }) => redacted.replaceAll(pattern, replacement),
    text,
  );

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSecret = (name: string): boolean => SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);

/** Objects that say nothing of the node, or say everything a second time. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'managedFields',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** Flags of a program, whose value may be the next word. */
const SECRET_FLAG = /^--?[\w-]*(?:token|secret|passw(?:or)?d|passphrase|key)$/i;

function redactWords(words: readonly unknown[]): unknown[] {
  return words.map((word, index) => {
    const before = words[index - 1];
    const isValue =
      typeof word === 'string' &&
      typeof before === 'string' &&
      SECRET_FLAG.test(before) &&
      !word.startsWith('-');
    return isValue ? HIDDEN : redactValue(word);
  });
}

/** An environment variable keeps its name, and from where its value comes. */
const redactVariable = (variable: unknown): unknown =>
  isRecord(variable) && 'value' in variable ? { ...variable, value: HIDDEN } : variable;

/** What a name of a secret has: texts, or headers of an address by name. Objects behind it only have such names. */
function redactSecret(name: string, value: unknown): unknown {
  if (typeof value === 'string') return HIDDEN;
  if (Array.isArray(value)) return value.map((part) => redactSecret(name, part));
  return name.toLowerCase().endsWith('header') ? HIDDEN : redactValue(value);
}

function redactField(name: string, value: unknown): unknown {
  if (isSecret(name)) return redactSecret(name, value);
  if (!Array.isArray(value)) return redactValue(value);
  if (name === 'env') return value.map(redactVariable);
  return name === 'args' || name === 'command' ? redactWords(value) : redactValue(value);
}

/**
 * Returns an object of the API without secrets: no values of environment variables, no value of a name that says so,
 * and every text as in `redactText`.
 */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, part]) => [name, redactField(name, part)]),
  );
}
