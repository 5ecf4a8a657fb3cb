/** The cause of a failed finit_module(2), and a remedy. A pod cannot read the kernel's own log line. */
export interface Failure {
  readonly why: string;
  readonly hint?: string;
}

/** Facts that distinguish the causes of one errno. */
export interface KernelFacts {
  readonly hasCapability: boolean;
  readonly modulesDisabled: boolean;
  readonly lockdown: string;
}

const KNOWN: Readonly<Record<string, Failure>> = {
  ENOENT: {
    why: 'unknown symbol, or the file is gone',
    hint: 'run depmod for the image; the kernel log names the symbol',
  },
  ENOEXEC: {
    why: 'not a module of this kernel (format or vermagic)',
    hint: 'ship kernel and /lib/modules of one build',
  },
  EBADMSG: { why: 'bad signature format' },
  EKEYREJECTED: {
    why: 'signature rejected',
    hint: 'sign the module with a key this kernel trusts',
  },
  ENOKEY: { why: 'signed with a key this kernel does not know' },
  EINVAL: { why: 'parameter or module file rejected', hint: 'check the parameters' },
  ENOMEM: { why: 'out of memory' },
  EBUSY: { why: 'a module of this name is still being loaded' },
  ETIMEDOUT: { why: 'the driver gave up waiting for its device' },
  KIOS_MODULE_PACKING: {
    why: 'neither the kernel nor the loader can unpack the file',
    hint: 'ship modules plain or packed with zstd',
  },
  KIOS_MODULE_PATH: {
    why: 'the index names a file outside the modules folder',
    hint: 'run depmod for the image',
  },
  EOPNOTSUPP: { why: 'the kernel cannot read this compression', hint: 'ship modules uncompressed' },
};

function denied(facts: KernelFacts): Failure {
  if (facts.modulesDisabled) return { why: 'module loading was switched off for this boot' };
  if (!facts.hasCapability) {
    return {
      why: 'CAP_SYS_MODULE is missing',
      hint: 'add SYS_MODULE to the capabilities of the container',
    };
  }
  if (facts.lockdown !== '' && facts.lockdown !== 'none') {
    return { why: `denied by kernel lockdown (${facts.lockdown})`, hint: 'use signed modules' };
  }
  return { why: 'denied by a security module or the seccomp profile' };
}

/** Returns the cause of a load that failed with `errno`. */
export function explain(errno: string, facts: KernelFacts): Failure {
  if (errno === 'EPERM') return denied(facts);
  return KNOWN[errno] ?? { why: errno };
}
