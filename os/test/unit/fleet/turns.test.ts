import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { formatTurn, REQUESTS, TURN, type Turn } from '@kios/node-turn';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { takeTurns, type TurnOptions } from '../../../src/fleet/turns.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { writeKubeconfig } from '../../support/kubeconfig.ts';
import { type HttpServer, serveHttp } from '../../support/serve-http.ts';

interface Stored {
  annotations: Record<string, string>;
  version: number;
  isReady: boolean;
}

let folder: string;
let server: HttpServer;
let kubeconfig: string;
let nodes: Map<string, Stored>;
let hasLease: boolean;
/** What the agents do after a node was changed. */
let onChange: (name: string, stored: Stored) => void;
/** A status in place of the server's reply, or no reply to what it does. */
let fault: (method: string, name: string) => number | 'lost' | undefined;
let printed: string[];

const isPatch = (
  value: unknown,
): value is { metadata: { resourceVersion: string; annotations: Record<string, string | null> } } =>
  typeof value === 'object' && value !== null && 'metadata' in value;

const objectOf = (name: string, { annotations, version, isReady }: Stored) => ({
  metadata: { name, resourceVersion: String(version), annotations },
  status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'Unknown' }] },
});

function patch(name: string, stored: Stored, body: string): number {
  const change: unknown = JSON.parse(body);
  if (!isPatch(change) || change.metadata.resourceVersion !== String(stored.version)) return 409;
  for (const [key, value] of Object.entries(change.metadata.annotations))
    if (value === null) delete stored.annotations[key];
    else stored.annotations[key] = value;
  stored.version += 1;
  onChange(name, stored);
  return 200;
}

/** Writes what the node's agent would. */
function write(stored: Stored, changes: Partial<Turn>): void {
  const request = stored.annotations[REQUESTS.reboot] ?? '';
  const turn: Turn = {
    v: 1,
    action: 'reboot',
    request,
    phase: 'done',
    since: new Date().toISOString(),
    cordoned: true,
    ...changes,
  };
  stored.annotations[TURN] = formatTurn(turn);
  stored.version += 1;
  if (turn.phase === 'done' || turn.phase === 'failed') delete stored.annotations[REQUESTS.reboot];
}

function answer(
  response: ServerResponse,
  method: string | undefined,
  name: string,
  stored: Stored,
  body: string,
): void {
  const wrong = fault(method ?? '', name);
  if (typeof wrong === 'number') return void response.writeHead(wrong).end('{}');
  const status = method === 'PATCH' ? patch(name, stored, body) : 200;
  if (wrong === 'lost') return void response.destroy();
  response.writeHead(status).end(JSON.stringify(objectOf(name, stored)));
}

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-fleet-'));
  nodes = new Map(['a', 'b'].map((name) => [name, { annotations: {}, version: 1, isReady: true }]));
  hasLease = true;
  onChange = () => {};
  fault = () => undefined;
  printed = [];
  server = await serveHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const name = /^\/api\/v1\/nodes\/(\w+)$/.exec(request.url ?? '')?.[1] ?? '';
      const stored = nodes.get(name);
      if (request.url?.includes('/leases/') === true)
        return response.writeHead(hasLease ? 200 : 404).end('{}');
      if (stored === undefined) return response.writeHead(404).end('{}');
      return answer(response, request.method, name, stored, body);
    });
  });
  kubeconfig = await writeKubeconfig(folder, server.url);
});

afterEach(async () => {
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const OPTIONS: TurnOptions = {
  action: 'reboot',
  get kubeconfig() {
    return kubeconfig;
  },
  nodes: ['a', 'b'],
  maxUnavailable: 1,
  waitSeconds: 60,
  drainSeconds: 30,
  bootSeconds: 60,
  force: false,
  wait: true,
  json: false,
};

const contextOf = (signal: AbortSignal, undo: AsyncDisposableStack) => ({
  progress: silent,
  signal,
  undo,
  print: (line: string) => void printed.push(line),
});

async function run(
  changes: Partial<TurnOptions> = {},
  { signal } = new AbortController(),
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  await takeTurns(contextOf(signal, undo), { ...OPTIONS, ...changes });
}

const requestOf = (name: string): string | undefined =>
  nodes.get(name)?.annotations[REQUESTS.reboot];

it('asks each node with the same options, and ends when all are done', async () => {
  const asked: string[] = [];
  onChange = (name, stored) => {
    asked.push(`${name} ${stored.annotations[REQUESTS.reboot]}`);
    write(stored, {});
  };
  await run({ json: true });
  expect(asked).toHaveLength(2);
  const [first = '', second = ''] = asked;
  expect(first.slice(2)).toBe(second.slice(2));
  expect(JSON.parse(first.slice(2))).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
    maxUnavailable: 1,
    waitSeconds: 60,
    drainSeconds: 30,
  });
  expect(JSON.parse(printed[0] ?? '')).toMatchObject({
    action: 'reboot',
    nodes: [
      { node: 'a', result: 'done', says: 'was rebooted' },
      { node: 'b', result: 'done', says: 'was rebooted' },
    ],
  });
});

it('takes back what has not begun when a node fails, and names the cause', async () => {
  onChange = (name, stored) => {
    if (stored.annotations[REQUESTS.reboot] === undefined) return;
    if (name === 'a') write(stored, { phase: 'failed', message: 'pods did not go in 30 s' });
    else write(stored, { phase: 'waiting', message: 'waits for a' });
  };
  await expect(run()).rejects.toMatchObject({
    code: 'KIOS_TURN_FAILED',
    message: expect.stringContaining('a: pods did not go in 30 s') as unknown,
  });
  expect(requestOf('b')).toBeUndefined();
  expect(printed.map((line) => line.slice(0, 1))).toEqual(['a', 'b']);
});

it('only asks with --no-wait', async () => {
  await run({ wait: false, force: true });
  expect(printed).toEqual(['a  is asked', 'b  is asked']);
  expect(requestOf('a')).toContain('"force":true');
});

it('asks nobody when one of the nodes is not there, or has another request', async () => {
  await expect(run({ nodes: ['a', 'c'] })).rejects.toMatchObject({ code: 'KIOS_TURN_NODE' });
  expect(requestOf('a')).toBeUndefined();
  const other = nodes.get('b');
  if (other === undefined) throw new Error('no node b');
  other.annotations['kios.dev/poweroff'] = 'now';
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_TURN_BUSY' });
  expect(requestOf('a')).toBeUndefined();
});

it('takes back the first request when the second is refused', async () => {
  onChange = (name) => {
    const other = nodes.get('b');
    if (name === 'a' && other !== undefined) other.annotations['kios.dev/poweroff'] = 'now';
  };
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_TURN_BUSY' });
  expect(requestOf('a')).toBeUndefined();
});

describe('all are asked, or none:', () => {
  it('a request whose answer is lost is taken back', async () => {
    fault = (method, name) =>
      method === 'PATCH' && name === 'b' && requestOf('b') === undefined ? 'lost' : undefined;
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_FLEET_API' });
    expect(requestOf('a')).toBeUndefined();
    expect(requestOf('b')).toBeUndefined();
  });

  it('Ctrl-C takes back what was placed', async () => {
    const stop = new AbortController();
    onChange = (name) => {
      if (name === 'b') stop.abort();
    };
    await expect(run({}, stop)).rejects.toMatchObject({ name: 'AbortError' });
    expect(requestOf('a')).toBeUndefined();
    expect(requestOf('b')).toBeUndefined();
  });

  it('Ctrl-C, after which the process waits only for what is to be undone', async () => {
    const stop = new AbortController();
    const undo = new AsyncDisposableStack();
    const { promise, resolve } = Promise.withResolvers<void>();
    onChange = (name) => {
      if (name === 'b') resolve();
    };
    const turns = takeTurns(contextOf(stop.signal, undo), OPTIONS).catch(() => {});
    await promise;
    stop.abort();
    await undo.disposeAsync();
    expect(requestOf('a')).toBeUndefined();
    expect(requestOf('b')).toBeUndefined();
    await turns;
  });

  it('a request that cannot be taken back is named', async () => {
    fault = (method, name) => {
      if (method !== 'PATCH' || requestOf('a') === undefined) return undefined;
      return name === 'b' ? 403 : 503;
    };
    const undo = new AsyncDisposableStack();
    const turns = takeTurns(contextOf(new AbortController().signal, undo), OPTIONS);
    await expect(turns).rejects.toMatchObject({ code: 'KIOS_FLEET_API' });
    await expect(undo.disposeAsync()).rejects.toMatchObject({
      code: 'KIOS_FLEET_API',
      message: expect.stringContaining('take back what was asked of a') as unknown,
      remedy: expect.stringContaining('kubectl annotate node a kios.dev/reboot-') as unknown,
    });
  });
});

/** Lets so many seconds pass at the first look after all requests were placed, and refuses that and later ones. */
function passAfterPlacing(
  seconds: number,
  refusals: readonly number[] = [],
  then: () => void = () => {},
): void {
  vi.useFakeTimers({ toFake: ['performance'] });
  let looks = 0;
  fault = (method) => {
    const isPlaced = looks > 0 || ['a', 'b'].every((name) => requestOf(name) !== undefined);
    if (method !== 'GET' || !isPlaced) return undefined;
    if (looks === 0) vi.advanceTimersByTime(seconds * 1000);
    if (looks === refusals.length) then();
    return refusals[looks++];
  };
}

describe('after a failure nothing stays that nobody has begun:', () => {
  it('requests that no agent has answered', async () => {
    passAfterPlacing(61);
    await expect(run()).rejects.toMatchObject({
      code: 'KIOS_TURN_FAILED',
      message: expect.stringContaining('a: no agent has answered in 60 s') as unknown,
    });
    expect(requestOf('a')).toBeUndefined();
    expect(requestOf('b')).toBeUndefined();
  });

  it('requests that are not taken back at the first try', { timeout: 20_000 }, async () => {
    passAfterPlacing(61);
    const pass = fault;
    let refusals = 0;
    fault = (method, name) => {
      const isBack = method === 'PATCH' && requestOf('b') !== undefined;
      return isBack && ++refusals === 1 ? 503 : pass(method, name);
    };
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_TURN_FAILED' });
    expect(refusals).toBeGreaterThan(1);
    expect(requestOf('a')).toBeUndefined();
    expect(requestOf('b')).toBeUndefined();
  });

  it('a request beside a node that was deleted', { timeout: 20_000 }, async () => {
    onChange = (name, stored) => {
      if (name !== 'b' || requestOf('b') === undefined) return;
      nodes.delete('a');
      write(stored, { phase: 'waiting' });
    };
    await expect(run()).rejects.toMatchObject({
      code: 'KIOS_TURN_FAILED',
      message: expect.stringContaining('a: the cluster has it no longer') as unknown,
    });
    expect(requestOf('b')).toBeUndefined();
  });
});

const finish = (): void => {
  for (const stored of nodes.values()) write(stored, {});
};

describe('an API server', () => {
  it(
    'may be away for as long as a boot may take, and then refuse for a moment',
    { timeout: 20_000 },
    async () => {
      passAfterPlacing(590, [503, 403], finish);
      await run({ bootSeconds: 600 });
      expect(printed).toEqual(['a  was rebooted', 'b  was rebooted']);
    },
  );

  it('that refuses is not borne', async () => {
    passAfterPlacing(0, [403]);
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_FLEET_API', exitCode: 77 });
  });
});

it('says so when the cluster has no agents', async () => {
  hasLease = false;
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_TURN_AGENT' });
});

it('says so when nobody listens, or the kubeconfig has no cluster', async () => {
  await server[Symbol.asyncDispose]();
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_FLEET_API' });
  await writeFile(kubeconfig, '{}');
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_FLEET_KUBECONFIG' });
});
