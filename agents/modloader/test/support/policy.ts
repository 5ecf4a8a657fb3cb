import * as v from 'valibot';

import { Policy } from '../../src/core/policy/policy.ts';

/** Returns the policy that a file with this content gives. */
export const policy = (input: v.InferInput<typeof Policy> = {}): Policy => v.parse(Policy, input);
