import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { Random } from '@kios/bytes/testing';
import { KiosError } from '@kios/errors';
import * as v from 'valibot';
import { afterAll, describe, expect, it } from 'vitest';

import { normaliseEndpoint, readClusterConfig } from '../../src/core/cluster/cluster-config.ts';
import { inspectPair } from '../../src/edge/node/certificates.ts';
import { checkUserData } from '../../src/verbs/check-userdata.ts';
import {
  BROKEN,
  RENDER,
  documentsOf,
  parseDocument,
  readDocumentOf,
} from '../support/documents.ts';
import { standsIn } from '../support/fuzz/addresses.ts';
import { mutate } from '../support/fuzz/mutate.ts';

const DOCUMENTS = Number(process.env['KIOS_FUZZ_DOCUMENTS'] ?? 200);
const SEED = Number(process.env['KIOS_FUZZ_SEED'] ?? 2026);

const folder = mkdtempSync(path.join(tmpdir(), 'kios-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

const names = documentsOf(RENDER);
const seeds = names.map((name) => readDocumentOf(RENDER, name));

/** What authenticates in the documents. */
const SECRETS = ['4f6d2b8a9c3e7d10', '0a9b8c7d6e5f4a3b', 'secret-word', 'a-token-of-a-service'];

type Depth = 'refused' | 'partial' | 'complete';

type Checked = Awaited<ReturnType<typeof checkUserData>>;
const WithEndpoint = v.object({ cluster: v.object({ endpoint: v.string() }) });

/** Returns the API server of a complete text; that of a kubeconfig is not shown, which is a secret. */
function endpointOf(text: string, { document: shown }: Checked): string {
  const given = v.safeParse(WithEndpoint, shown);
  if (given.success) return normaliseEndpoint(given.output.cluster.endpoint);
  const { document } = parseDocument('user-data', text.replace(/^\uFEFF/, ''));
  return readClusterConfig(document, inspectPair)?.endpoint ?? 'https://none.invalid';
}

/** Refuses words that show what authenticates. */
function demandHidden(words: string, cause?: unknown): void {
  const secret = SECRETS.find((part) => words.includes(part));
  if (secret !== undefined) throw new Error(`it shows ${secret} in ${words}`, { cause });
}

/** Checks a file; undefined when it is refused. Neither the fault nor a warning may show what authenticates. */
async function check(file: string): Promise<Checked | undefined> {
  try {
    const checked = await checkUserData(file);
    demandHidden(JSON.stringify(checked.warnings));
    return checked;
  } catch (error) {
    if (!(error instanceof KiosError)) throw error;
    demandHidden(error.message, error);
    return undefined;
  }
}

/** A text of which a node has all it needs names its API server. */
async function judge(text: string, bytes: Uint8Array): Promise<Depth> {
  const file = path.join(folder, 'user-data');
  writeFileSync(file, bytes);
  const checked = await check(file);
  if (checked === undefined) return 'refused';
  if (!checked.complete) return 'partial';
  const endpoint = endpointOf(text, checked);
  if (!standsIn(text, endpoint)) throw new Error(`${endpoint} is nowhere in the text`);
  return 'complete';
}

/** Encodes a few of them as clouds and people do. */
function encode(text: string, random: Random): Uint8Array {
  const plain = Buffer.from(text);
  if (random.next() > 1 / 50) return plain;
  const packed = random.next() < 0.5 ? gzipSync(plain) : plain;
  return random.next() < 0.5 ? packed : Buffer.from(packed.toString('base64'));
}

describe('texts that once broke something', () => {
  it.each(documentsOf(BROKEN))('%s', async (name) => {
    const text = readDocumentOf(BROKEN, name);
    await expect(judge(text, Buffer.from(text))).resolves.toMatch(/refused|partial|complete/);
  });
});

describe(`${DOCUMENTS} broken documents of each form, seed ${SEED}`, () => {
  it.each(names)('%s', { timeout: 3_600_000 }, async (name) => {
    const random = new Random(SEED);
    const seed = readDocumentOf(RENDER, name);
    const depths: Record<Depth, number> = { refused: 0, partial: 0, complete: 0 };
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const text = mutate(seed, seeds, random);
      try {
        depths[await judge(text, encode(text, random))] += 1;
      } catch (cause) {
        // Keep the text as test/vectors/fuzz/NAME.txt.
        throw new Error(`document ${count} of seed ${SEED}:\n${text}`, { cause });
      }
    }
    // Noise that is never read, or never refused, would prove nothing.
    expect(depths.complete).toBeGreaterThan(DOCUMENTS / 20);
    expect(depths.refused).toBeGreaterThan(DOCUMENTS / 20);
  });
});
