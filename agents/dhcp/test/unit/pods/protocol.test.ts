import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { formatReply, parseRequest } from '../../../src/core/pods/protocol.ts';

const VECTORS = path.resolve(
  import.meta.dirname,
  '../../../../../packages/host-api/vectors/lan.json',
);
const { requests, replies } = v.parse(
  v.object({
    requests: v.array(v.object({ line: v.string(), accepted: v.boolean() })),
    replies: v.array(v.string()),
  }),
  JSON.parse(readFileSync(VECTORS, 'utf8')),
);

describe('the lines that the CNI plugin and the agent exchange, shared with init', () => {
  it.each(requests)('$line', ({ line, accepted }) => {
    const request = parseRequest(line);
    expect(request !== undefined).toBe(accepted);
    if (!accepted) return;
    const { attachment, ...rest } = v.parse(v.looseObject({}), JSON.parse(line));
    // A hardware address is read only where it counts.
    expect(request).toMatchObject(rest);
    expect(JSON.stringify(request)).toContain(attachment === undefined ? '' : '"container":"c1"');
  });

  it.each(replies)('%s', (line) => {
    const { v: _, ...reply } = v.parse(v.looseObject({ v: v.literal(1) }), JSON.parse(line));
    expect(formatReply(reply)).toBe(`${line}\n`);
  });

  it.each(['', 'null', '[]', '{', '{"v":1,"command":"reboot"}'])('%j is no request', (line) => {
    expect(parseRequest(line)).toBeUndefined();
  });
});
