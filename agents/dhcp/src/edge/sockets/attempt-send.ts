import type { Logger } from '@kios/agent';
import { SyscallError } from '@kios/syscall';

/**
 * Sends, and reports a failure, whose cause may pass: the message is sent again, or can be missed. Besides a link that
 * is down for now, packet filters, programs of BPF and routes refuse packets, with whatever error they choose.
 */
export function attemptSend(
  send: () => void,
  log: Logger,
  where: { readonly link?: string } = {},
): boolean {
  try {
    send();
    return true;
  } catch (err) {
    if (!(err instanceof SyscallError)) throw err;
    log.warn({ ev: 'tx.fail', ...where, err });
    return false;
  }
}
