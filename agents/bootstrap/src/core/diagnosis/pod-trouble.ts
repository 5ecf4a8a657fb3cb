import type { PodSign, PodTrouble } from './signs.ts';

interface Told extends Pick<PodSign, 'trouble' | 'why' | 'remedy'> {
  /** Seconds for which kubelet must go on saying so: it may fail until the cluster gives the node what a pod names. */
  readonly patience?: number;
}

const LONGEST = 300;

/** Reads a quoted value at the beginning of a text, as Go writes it. */
export function quoted(text: string): string {
  const [, inside = ''] = /^"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  return inside.replaceAll(/\\(.)/g, (_, character: string) =>
    character === 'n' || character === 't' ? ' ' : character,
  );
}

/** Shortens a cause from its beginning: the programs name the object there again and again, and the fault last. */
export function shorten(cause: string): string {
  // What an address ends with may be a secret.
  const text = cause
    .replaceAll(/\?[^\s"\\]+/g, '?…')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return text.length > LONGEST ? `… ${text.slice(-LONGEST)}` : text;
}

/** The causes of a failed pull in the words of containerd and of registries; the first that matches counts. */
const CAUSES: readonly (readonly [cause: RegExp, trouble: PodTrouble, remedy?: string])[] = [
  [/no space left on device/, 'no room'],
  [
    /x509: |tls: /,
    'registry unreached',
    'Give the document the certificates of the registry (`registries`, caBundle), and check the clock.',
  ],
  [
    /server gave HTTP response to HTTPS client/,
    'registry unreached',
    'Serve the registry by TLS, or give the document its whole hosts.toml in `files`.',
  ],
  [
    /toomanyrequests|: 429\b/i,
    'image refused',
    'Wait, or give the document credentials or a mirror of that registry in `registries`.',
  ],
  [
    /: 40[13]\b|unauthorized|denied|insufficient_scope|no basic auth|authentication required/i,
    'image refused',
  ],
  [
    /unexpected commit|digest mismatch|checksum|size validation|failed to extract layer|invalid tar|gzip: invalid|magic number mismatch|unexpected EOF/i,
    'image corrupt',
  ],
  [
    /\bnot found|(?:manifest|name) unknown|no match for platform|does not exist|: 404\b/i,
    'image missing',
  ],
];

/** kubelet only waits for the next try, and says no cause. */
const ONLY_WAITS = /^Back-off pulling image "[^"]*"$/;

/** Whatever else fails, such as a name, a connection or the registry itself, keeps the node from the registry. */
function pullTrouble(why: string): Told {
  // A digest is of letters and digits, among which a word may be.
  const words = why.replaceAll(/sha256:[0-9a-f]+/g, '');
  const [, trouble = 'registry unreached', remedy] =
    CAUSES.find(([cause]) => cause.test(words)) ?? [];
  return { trouble, why, ...(remedy === undefined ? {} : { remedy }) };
}

/** The store of images has lost or changed what a container is made from. */
const OF_STORE =
  /exec format error|snapshot .*does not exist|failed to mount|input\/output error|structure needs cleaning|failed to get image from containerd/i;

const missing = (why: string): Told => ({ trouble: 'image missing', why });

/** kubelet tries again every 10 to 15 s, so that this is its third try. */
const THIRD_TRY_SECONDS = 20;
/** kubelet or containerd has just begun, or the API server is not reached. */
const NOT_THERE_YET = /have not yet been read|failed to sync \w+ cache|code = Unavailable/;

/** Returns what keeps kubelet from a container before it asks the runtime for one. */
function notMade(told: Told): Told | undefined {
  return NOT_THERE_YET.test(told.why) ? undefined : { ...told, patience: THIRD_TRY_SECONDS };
}

/** The runtime may fail once in passing: a name that its last try still has, or a deadline beside other work. */
function notStarted(why: string): Told | undefined {
  return OF_STORE.test(why)
    ? { trouble: 'image corrupt', why }
    : notMade({ trouble: 'crashing', why });
}

const OF_MANIFEST = 'Correct the manifest of the pod, or give the cluster what it names.';

/** What follows from each reason that kubelet has for a container that it could not start. */
const REASONS: Readonly<
  Record<string, (why: string, before: Told | undefined) => Told | undefined>
> = {
  ErrImageNeverPull: missing,
  InvalidImageName: missing,
  ErrImagePull: pullTrouble,
  ImagePullBackOff: (why, before) =>
    before !== undefined && ONLY_WAITS.test(why) ? before : pullTrouble(why),
  ImageInspectError: (why) => notMade({ trouble: 'image corrupt', why }),
  CreateContainerConfigError: (why) => notMade({ trouble: 'crashing', why, remedy: OF_MANIFEST }),
  CreateContainerError: notStarted,
  RunContainerError: notStarted,
};

/** What the runtime said is quoted once more. */
const plain = (text: string): string => (text.startsWith('"') ? quoted(text) || text : text);

/** Returns the trouble in kubelet's cause; `before` is what was the pod's last one. */
export function troubleOf(cause: string, before?: Told): Told | undefined {
  const [head, container, reason] = /for "?([^"\s]*)"? with (\w+):/.exec(cause) ?? [];
  if (head === undefined || reason === undefined) return undefined;
  if (reason === 'CrashLoopBackOff')
    return { trouble: 'crashing', why: `its container ${container} ends again and again` };
  const why = shorten(plain(cause.slice(cause.indexOf(head) + head.length).trim()));
  return REASONS[reason]?.(why, before);
}
