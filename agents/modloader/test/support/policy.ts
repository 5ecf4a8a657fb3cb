import * as v from 'valibot';

import { Policy } from '../../src/core/policy/policy.ts';

/** A policy as the file would give it. */
export const policy = (input: v.InferInput<typeof Policy> = {}): Policy => v.parse(Policy, input);
