import type { Kubectl } from '../../src/lab/kubectl.ts';

/** Beside the guests of another lane, an emulated node takes minutes to start a pod. */
const WAIT_SECONDS = 300;

/** Runs `kubectl` with a verb that waits, such as `wait` or `delete`, and returns what it prints. */
export const waitWithKubectl = (kubectl: Kubectl, args: readonly string[]): Promise<string> =>
  kubectl.call([...args, `--timeout=${WAIT_SECONDS}s`], { timeoutMs: (WAIT_SECONDS + 20) * 1000 });
