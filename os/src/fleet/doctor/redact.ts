/** What a secret becomes. */
export const HIDDEN = '…';

/** Parts of names whose values prove who somebody is. */
const WORDS =
  'token|secret|passw(?:or)?d|passphrase|credential|cookie|signature|bearer|dockerconfig|urlheader|pre-?_?shared|(?:api|access|private|client)-?_?key';
/** Their ends. The `key` of something is a secret, and a `key` alone is a name. */
const ENDS = String.raw`.keys?$|(?:^|[^a-z])(?:pass|pwd|psk|sig)$`;

const SECRET_NAME = new RegExp(`${WORDS}|${ENDS}|auth(?:orization)?$`, 'i');
/** In a text what stands before a colon may also be the name of an object, such as `token-of-a-pod`. */
const SECRET_IN_TEXT = new RegExp(`(?:${WORDS})(?:-data|[a-z_]{0,20})$|${ENDS}`, 'i');
/** Names that only seem so: of objects, files and times, and switches. */
const HARMLESS_NAME =
  /(?:name|names|path|file|dir|seconds|ttl|kind|type|version|mountpath|enabled|rotation|strategy|topologyKey|labelKeys|^serviceAccountToken|^projected)$/i;

const isSecret = (name: string, names = SECRET_NAME): boolean =>
  names.test(name) && !HARMLESS_NAME.test(name);

interface Rule {
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** Forms of secrets in a text, each with what stays of it. */
const RULES: readonly Rule[] = [
  {
    pattern:
      /(-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----).*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|$)/gs,
    replacement: `$1${HIDDEN}`,
  },
  // The same, and certificates, in base64.
  { pattern: /LS0tLS1CRUdJTi[\w+/=-]*/g, replacement: HIDDEN },
  // RFC 7519, and what Kubernetes gives service accounts.
  { pattern: /eyJ[\w-]{6,}(?:\.[\w-]+){0,2}/g, replacement: HIDDEN },
  // Bootstrap tokens: the identifier alone is public.
  { pattern: /\b([a-z0-9]{6})\.[a-z0-9]{16}\b/g, replacement: `$1.${HIDDEN}` },
  { pattern: /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, replacement: `$1 ${HIDDEN}` },
  // Headers, whose values have several words.
  {
    pattern: /\b((?:set-)?cookie\\*["']?\s*[:=]\s*\\*["']?)[^\r\n"'\\]+/gi,
    replacement: `$1${HIDDEN}`,
  },
  {
    pattern:
      /\b(authorization\\*["']?\s*[:=]\s*\\*["']?)(?:(?:token|digest|negotiate|apikey|aws4-hmac-sha256)\s[^\r\n"'\\]+|(?=[^\s"'\\]*[^\sa-z"'\\])[^\s"'\\]{8,})/gi,
    replacement: `$1${HIDDEN}`,
  },
  // Of a registry, in a configuration of Docker's.
  { pattern: /("auth\\*"\s*:\s*\\*")[^"\\]+/g, replacement: `$1${HIDDEN}` },
  { pattern: /(:\/\/)[^\s/?#"'<>\\]{1,512}@/g, replacement: `$1${HIDDEN}@` },
  {
    // In the query of an address more names are of secrets.
    pattern: /([?&][\w.-]{0,40}(?:key|auth|code|cred|pass|sig)[\w.-]{0,40}=)[^\s"'\\&;<>]+/gi,
    replacement: `$1${HIDDEN}`,
  },
  { pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, replacement: HIDDEN },
];

/** A name and what stands before its value: in a query, in YAML or in JSON, also in one that is itself quoted. */
const NAMED = /(?<![\w.-])([\w.-]{1,100})(?:\\*["'])?\s{0,8}(?:[=:]{1,2}>?|%3[ad])\s{0,8}/gi;
/** A flag whose value is the next word. */
const FLAG = /(?<![\w.-])(--?[\w-]{1,100})\s{1,8}(?!-)/g;
/** A value: up to its quote, a list, or a word. */
const VALUE =
  /(?<quote>\\*["'])(?:(?!(?<!\\)\k<quote>)[^\n])+|(?:\[\]byte)?[[{][^\]}\n]*[\]}](?![^\s"'\\,;&])|(?:[^\s"'\\,;&]|\\(?!["'nrt\\])){3,}/y;

/** Hides the values behind names of secrets. */
function redactNamed(text: string, pattern: RegExp): string {
  let shown = '';
  let at = 0;
  for (const { 0: all, 1: name = '', index } of text.matchAll(pattern)) {
    const from = index + all.length;
    if (index < at || !isSecret(name, SECRET_IN_TEXT)) continue;
    VALUE.lastIndex = from;
    const value = VALUE.exec(text);
    if (value === null) continue;
    shown += `${text.slice(at, from)}${value.groups?.['quote'] ?? ''}${HIDDEN}`;
    at = VALUE.lastIndex;
  }
  return shown + text.slice(at);
}

/** Hides secrets in a text: logs repeat what others say. */
export const redactText = (text: string): string =>
  [NAMED, FLAG].reduce(
    redactNamed,
    RULES.reduce(
      (redacted, { pattern, replacement }) => redacted.replaceAll(pattern, replacement),
      text,
    ),
  );

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects that say nothing of the node, or say everything a second time. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'managedFields',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** A flag of a program, whose value may be the next word. */
const isSecretFlag = (word: string): boolean => /^--?[\w-]+$/.test(word) && isSecret(word);

function redactWords(words: readonly unknown[]): unknown[] {
  return words.map((word, index) => {
    const before = words[index - 1];
    const isValue =
      typeof word === 'string' &&
      typeof before === 'string' &&
      isSecretFlag(before) &&
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
  // A header of a probe.
  const { name: header } = value;
  if (typeof header === 'string' && typeof value['value'] === 'string' && isSecret(header))
    return { ...value, value: HIDDEN };
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, part]) => [name, redactField(name, part)]),
  );
}
