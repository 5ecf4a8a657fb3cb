import * as v from 'valibot';

/** The annotations of a Node by which a person asks for something. */
export const REQUESTS = { reboot: 'kios.dev/reboot', poweroff: 'kios.dev/poweroff' } as const;

export type Action = keyof typeof REQUESTS;

export const ACTIONS = ['reboot', 'poweroff'] as const satisfies readonly Action[];

/** Longer texts are no request: the annotations of an object share 256 KiB. */
const MAX_TEXT = 1024;
/** A week: a request that is older was forgotten. */
const MAX_SECONDS = 604_800;

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Duration = v.pipe(Count, v.maxValue(MAX_SECONDS));

/** What a request may say; everything is optional. */
const Options = v.strictObject({
  /** Makes two requests with the same options differ. */
  id: v.optional(v.string()),
  maxUnavailable: v.optional(Count),
  waitSeconds: v.optional(Duration),
  drainSeconds: v.optional(Duration),
  force: v.optional(v.boolean()),
  /** The system (SHA-256 of its EFI file) that the node is to come back with: no other end is a success. */
  update: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
});
export type RequestOptions = v.InferOutput<typeof Options>;

/** What a request without options means. */
export interface Defaults {
  /** The number of nodes that may be away at once. */
  readonly maxUnavailable: number;
  /** The time for which a request waits for its turn. */
  readonly waitSeconds: number;
  /** The time that pods have to go. */
  readonly drainSeconds: number;
}

export const DEFAULTS: Defaults = { maxUnavailable: 1, waitSeconds: 86_400, drainSeconds: 600 };

export interface Request extends Defaults {
  readonly action: Action;
  /** The value of the annotation. */
  readonly text: string;
  /** Goes on when the time of the pods is over, and evicts pods that nothing would make again. */
  readonly force: boolean;
  /** Undefined: whatever the node comes back with will do. */
  readonly update: string | undefined;
}

export type RequestReading =
  | { readonly tag: 'none' }
  | { readonly tag: 'request'; readonly request: Request }
  | { readonly tag: 'invalid'; readonly why: string };

export type Annotations = Readonly<Record<string, string>>;

const invalid = (why: string): RequestReading => ({ tag: 'invalid', why });

/** Returns what a request says, or why it is not valid. */
export function parseOptions(text: string): RequestOptions | string {
  // Any other text is a word that says nothing, such as a date.
  if (!text.trimStart().startsWith('{')) return {};
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Options), text);
  return parsed.success ? parsed.output : v.summarize(parsed.issues).replaceAll(/\s+/g, ' ');
}

/** Reads what is asked of a node. */
export function readRequest(annotations: Annotations, defaults: Defaults): RequestReading {
  const asked = ACTIONS.filter((action) => annotations[REQUESTS[action]] !== undefined);
  const [action] = asked;
  if (action === undefined) return { tag: 'none' };
  if (asked.length > 1) return invalid('a reboot and a power-off are asked for at once');
  const text = annotations[REQUESTS[action]] ?? '';
  if (text.length > MAX_TEXT) return invalid(`the request has more than ${MAX_TEXT} characters`);
  const options = parseOptions(text);
  if (typeof options === 'string') return invalid(`the request is not valid: ${options}`);
  const { maxUnavailable, waitSeconds, drainSeconds, force = false, update } = options;
  return {
    tag: 'request',
    request: {
      action,
      text,
      force,
      update,
      maxUnavailable: maxUnavailable ?? defaults.maxUnavailable,
      waitSeconds: waitSeconds ?? defaults.waitSeconds,
      drainSeconds: drainSeconds ?? defaults.drainSeconds,
    },
  };
}

/** Returns the value of a request's annotation. */
export const formatRequest = (options: RequestOptions): string => JSON.stringify(options);
