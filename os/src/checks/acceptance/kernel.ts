import * as v from 'valibot';

import type { Kubectl } from '../../lab/kubectl.ts';
import { demand } from './assertion.ts';

const Node = v.object({
  status: v.object({ nodeInfo: v.object({ kernelVersion: v.string() }) }),
});

/** Asserts that the kernel version kubelet reports matches `name`, and returns it. */
export async function runsKernel(kubectl: Kubectl, node: string, name: RegExp): Promise<string> {
  const { status } = v.parse(Node, await kubectl.get('node', node));
  const { kernelVersion } = status.nodeInfo;
  demand(name.test(kernelVersion), `the kernel is ${kernelVersion}`);
  return kernelVersion;
}
