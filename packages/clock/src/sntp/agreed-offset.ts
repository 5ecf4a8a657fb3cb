import { setTimeout as delay } from 'node:timers/promises';

import { askServer, NTP_PORT, type Sample } from './ask-server.ts';

/** So many samples have to agree within so many seconds. */
const SAMPLES = 3;
const AGREE_SECONDS = 1;
const MAX_SERVERS = 3;
/** Between two requests to one server, as chronyd's `iburst` has it. */
const SPACING_MS = 2000;

export interface Asking {
  /** IP addresses; the first three are asked. */
  readonly servers: readonly string[];
  /** The earliest possible time in milliseconds. */
  readonly floor: number;
  readonly port?: number;
  readonly spacingMs?: number;
}

/** What agreeing samples say. */
export interface Agreed {
  /** Seconds by which the servers are ahead of this clock. */
  readonly offsetSeconds: number;
  readonly servers: readonly string[];
}

/** Returns what the samples say together; undefined when there are too few or they disagree. */
export function agree(samples: readonly Sample[]): Agreed | undefined {
  const offsets = samples.map(({ offsetSeconds }) => offsetSeconds).toSorted((a, b) => a - b);
  const [first = 0, last = 0] = [offsets[0], offsets.at(-1)];
  if (samples.length < SAMPLES || last - first > AGREE_SECONDS) return undefined;
  const median = offsets[Math.floor(offsets.length / 2)] ?? 0;
  return { offsetSeconds: median, servers: [...new Set(samples.map(({ server }) => server))] };
}

/**
 * Asks time servers until there are three samples: one of each of three servers, or several of fewer. A server that
 * rejects is not asked again. Returns what they say together; undefined when they do not agree within a second.
 */
export async function agreedOffset(
  { servers, floor, port = NTP_PORT, spacingMs = SPACING_MS }: Asking,
  signal: AbortSignal,
): Promise<Agreed | undefined> {
  let asked = servers.slice(0, MAX_SERVERS);
  const samples: Sample[] = [];
  for (let round = 0; round < SAMPLES && asked.length > 0; round++) {
    if (round > 0) await delay(spacingMs, undefined, { signal });
    const question = (server: string) => askServer({ server, floor, port }, signal);
    const answers = await Promise.all(asked.map(question));
    signal.throwIfAborted();
    samples.push(...answers.filter((answer) => typeof answer === 'object'));
    if (samples.length >= SAMPLES) break;
    asked = asked.filter((_, index) => answers[index] !== 'rejected');
  }
  return agree(samples);
}
