import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { type Lock, tryLock } from '@kios/syscall';

import { sha256 } from '../workstation/digest.ts';
import { stateDir } from '../workstation/paths.ts';

/** Keeps a second `up` out of a state folder: it would stop the node that the first one starts when it fails itself. */
export function lockState(folder = stateDir): Lock {
  // An abstract socket's name holds 107 bytes, a path more.
  const taken = tryLock(`kios-state-${sha256(path.resolve(folder))}`);
  if (taken !== undefined) return taken;
  throw new KiosError('KIOS_BUSY', `start a node in ${folder}: another ./kios up is at it`, {
    exitCode: EXIT.unavailable,
    remedy: 'wait until that one is done, or name another folder by KIOS_STATE_DIR',
  });
}
