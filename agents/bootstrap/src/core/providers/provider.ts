import * as v from 'valibot';

import type { BootstrapError } from '../faults/errors.ts';

/** The sources of a node's metadata: the values of `kios.provider=` and `--provider`. */
export const PROVIDER_NAMES = [
  'file',
  'aws',
  'gcp',
  'azure',
  'openstack',
  'nocloud',
  'digitalocean',
  'hetzner',
  'vultr',
  'scaleway',
  'oracle',
  'akamai',
  'fwcfg',
  'none',
] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

/** A metadata service's description of a machine. */
export interface Metadata {
  readonly instanceId?: string | undefined;
  /** The instance id by OpenStack's name, which templates use. */
  readonly uuid?: string | undefined;
  readonly instanceType?: string | undefined;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly providerID?: string | undefined;
  readonly hostname?: string | undefined;
  readonly externalIPs?: readonly string[];
  readonly spot?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  readonly userData?: Uint8Array | undefined;
  /** Why some of it is missing, where that does not hold up the user data. */
  readonly metaFault?: BootstrapError | undefined;
}

export interface MetadataRequest {
  /** Appended to the base address. */
  readonly path: string;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether to send from a source port below 1024. */
  readonly lowPort: boolean;
}

export interface MetadataAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Sends one request and returns the answer, whatever its status. Rejects when there is none; never retries or
 * redirects.
 */
export type Exchange = (request: MetadataRequest) => Promise<MetadataAnswer>;

export interface Provider {
  readonly name: ProviderName;
  /**
   * The service's addresses, IPv4 first: a node may have one family only. `{link}` stands for the link in use.
   */
  readonly bases: readonly string[];
  /** The remedy when the service answers 403. */
  readonly forbidden?: string;
  /** Seconds within which missing user data may still appear. */
  readonly lateSeconds?: number;
  /** Reads everything through `exchange`; rejects with a MetadataError. */
  read(exchange: Exchange): Promise<Metadata>;
}

/** The service gave no usable answer. `isFinal`: a retry would not help. */
export class MetadataError extends Error {
  readonly isFinal: boolean;

  constructor(message: string, isFinal = false) {
    super(message);
    this.isFinal = isFinal;
  }
}

export interface AskOptions {
  readonly method?: MetadataRequest['method'];
  readonly headers?: Readonly<Record<string, string>>;
  readonly lowPort?: boolean;
  /** 404 and an empty answer mean that the value is absent, not that the service is still starting. */
  readonly optional?: boolean;
  /** An empty answer means that the value is absent. */
  readonly mayBeEmpty?: boolean;
}

const isHtml = (body: Uint8Array): boolean =>
  /^\s*<(?:!doctype|html)/i.test(new TextDecoder('latin1').decode(body.subarray(0, 256)));

/**
 * Returns the body of a 200, or undefined for an absent value. Everything else is a MetadataError: redirects, captive
 * portals, overload, a service that is starting.
 */
function bodyOf(
  path: string,
  { status, body }: MetadataAnswer,
  { optional = false, mayBeEmpty = optional }: AskOptions,
): MetadataAnswer['body'] | undefined {
  if (status === 404 && optional) return undefined;
  if (status === 403) throw new MetadataError(`${path}: the service refuses (403)`, true);
  if (status !== 200) throw new MetadataError(`${path}: the service answers ${status}`);
  if (isHtml(body)) throw new MetadataError(`${path}: the answer is a web page`);
  if (body.length > 0) return body;
  if (mayBeEmpty) return undefined;
  throw new MetadataError(`${path}: the answer is empty`);
}

/** Returns a path without its query, in which a web server's address may have a secret. */
export const withoutQuery = (path: string): string => path.split('?', 1)[0] ?? '';

/** Reads keys of a metadata service, with the same rules about answers for all providers. */
export class Keys {
  readonly #exchange: Exchange;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(exchange: Exchange, headers: Readonly<Record<string, string>> = {}) {
    this.#exchange = exchange;
    this.#headers = headers;
  }

  async bytes(
    path: string,
    options: AskOptions = {},
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const answer = await this.#exchange({
      path,
      method: options.method ?? 'GET',
      headers: { ...this.#headers, ...options.headers },
      lowPort: options.lowPort ?? false,
    });
    return bodyOf(withoutQuery(path), answer, options);
  }

  /** Returns the trimmed text of a key; undefined when it is absent. */
  async find(path: string): Promise<string | undefined> {
    const body = await this.bytes(path, { optional: true });
    return body === undefined ? undefined : new TextDecoder().decode(body).trim();
  }

  async text(path: string, options: AskOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.bytes(path, options)).trim();
  }

  async json<const Schema extends v.GenericSchema>(
    schema: Schema,
    path: string,
    options: AskOptions = {},
  ): Promise<v.InferOutput<Schema>> {
    return parseAnswer(schema, path, await this.text(path, options));
  }
}

export function parseAnswer<const Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  text: string,
): v.InferOutput<Schema> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new MetadataError(`${path}: the answer is not JSON`);
  }
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const where = result.issues.map((issue) => v.getDotPath(issue) ?? '(top)');
  throw new MetadataError(`${path}: unexpected ${where.join(', ')}`);
}

/** An optional text; null and '' count as absent. */
export const maybe = v.pipe(
  v.nullish(v.string()),
  v.transform((text) => (text === null || text === '' ? undefined : text)),
);

export const utf8 = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : new TextEncoder().encode(text);

/** Returns `z` of `projects/1/zones/z`. */
export const lastPart = (path: string | undefined): string | undefined => path?.split('/').at(-1);

/** Returns the part of a zone's name before its last `-`. */
export const withoutLast = (zone: string | undefined): string | undefined =>
  zone?.replace(/-[^-]*$/, '');
