import * as v from 'valibot';

/** One request to a metadata service. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Header values by lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly sourcePort: number;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The machine that a metadata service describes. */
export const CloudMachine = v.strictObject({
  instanceId: v.string(),
  hostname: v.string(),
  instanceType: v.string(),
  region: v.string(),
  zone: v.string(),
  address: v.string(),
  publicAddress: v.string(),
  mac: v.string(),
  /** User data of its owner, if any. */
  userData: v.optional(v.string()),
  tags: v.record(v.string(), v.string()),
  /** Number of requests that the first access token is valid for, in clouds with tokens; unlimited when absent. */
  tokenUses: v.optional(v.number()),
});
export type CloudMachine = Readonly<v.InferOutput<typeof CloudMachine>>;

/** One cloud's metadata service. It keeps tokens between requests. */
export type Cloud = (machine: CloudMachine) => (asked: Asked) => Answer;

export const text = (body: string, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});

export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

export const notFound: Answer = {
  status: 404,
  headers: { 'content-type': 'text/html' },
  body: '<html><head><title>404 Not Found</title></head><body>Not Found</body></html>',
};

export const base64 = (plain: string): string => Buffer.from(plain).toString('base64');

/** Looks a path up in a table of texts. */
export const lookup = (
  table: Readonly<Record<string, string | undefined>>,
  path: string,
): Answer => {
  const found = table[path];
  return found === undefined ? notFound : text(found);
};

/** Access tokens. The first expires after some uses, as a cloud's expire after some time. */
export class Tokens {
  readonly #uses: number | undefined;
  readonly #left = new Map<string, number>();

  constructor(uses: number | undefined) {
    this.#uses = uses;
  }

  issue(): string {
    const isFirst = this.#left.size === 0;
    const token = `token-${this.#left.size + 1}==`;
    this.#left.set(token, (isFirst ? this.#uses : undefined) ?? Number.POSITIVE_INFINITY);
    return token;
  }

  /** Uses the token for one request. Returns whether it was valid. */
  spend(token: string | undefined): boolean {
    const left = this.#left.get(token ?? '') ?? 0;
    if (left <= 0) return false;
    this.#left.set(token ?? '', left - 1);
    return true;
  }
}
