/**
 * Settings of `sysctl.conf` and of a document's `sysctls` that do not count there: programs that the kernel would
 * start, switches that go one way, what kubelet checks, and the host's protection. `vectors/sysctls.json` holds the
 * same for init.
 */
export const SYSCTLS_OF_HOST: readonly string[] = [
  'kernel.modprobe',
  'kernel.core_pattern',
  'kernel.hotplug',
  'kernel.poweroff_cmd',
  'kernel.usermodehelper.bset',
  'kernel.usermodehelper.inheritable',
  'kernel.kexec_load_disabled',
  'kernel.modules_disabled',
  'vm.overcommit_memory',
  'vm.panic_on_oom',
  'kernel.panic',
  'kernel.panic_on_oops',
  'kernel.keys.root_maxkeys',
  'kernel.keys.root_maxbytes',
  'kernel.kptr_restrict',
  'kernel.dmesg_restrict',
  'kernel.perf_event_paranoid',
  'kernel.yama.ptrace_scope',
  'kernel.randomize_va_space',
  'kernel.unprivileged_bpf_disabled',
  'kernel.unprivileged_userns_clone',
  'kernel.io_uring_disabled',
  'kernel.sysrq',
  'vm.unprivileged_userfaultfd',
  'vm.mmap_min_addr',
  'vm.mmap_rnd_bits',
  'fs.suid_dumpable',
  'fs.protected_symlinks',
  'fs.protected_hardlinks',
  'fs.protected_fifos',
  'fs.protected_regular',
  'dev.tty.ldisc_autoload',
  'dev.tty.legacy_tiocsti',
  'net.core.bpf_jit_harden',
];

const WORD = '[a-z0-9_][a-z0-9_-]*';
const NAME = new RegExp(`^${WORD}(?:\\.${WORD})*$`);

/** Says why a setting of the kernel does not count; undefined when it may. */
export function sysctlFault(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'is no name of a setting, such as vm.nr_hugepages';
  if (SYSCTLS_OF_HOST.includes(name))
    return `belongs to the host: only the word sysctl.${name}= of the kernel command line may change it`;
  // A row of sysctl.conf ends with its line, and blanks around a value are none of it.
  if (value.trim() === '' || /[\0\n\r]/.test(value)) return 'has no value of one line';
  return undefined;
}

export interface SysctlText {
  /** Names with their values; of a name given twice the last counts. */
  readonly rows: ReadonlyMap<string, string>;
  readonly faults: readonly { readonly line: number; readonly name: string; readonly why: string }[];
} // prettier-ignore

/** Reads a `sysctl.conf` as init does: rows of `name = value`, comments with # or ; and nothing else. */
export function readSysctls(text: string): SysctlText {
  const rows = new Map<string, string>();
  const faults: { line: number; name: string; why: string }[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const row = raw.trim();
    if (row === '' || /^[#;]/.test(row)) continue;
    const at = row.indexOf('=');
    const [name, value] = [row.slice(0, Math.max(at, 0)).trim(), row.slice(at + 1).trim()];
    const why = at < 0 ? 'is not name = value' : sysctlFault(name, value);
    if (why !== undefined) {
      faults.push({ line: index + 1, name, why });
      continue;
    }
    rows.delete(name);
    rows.set(name, value);
  }
  return { rows, faults };
}
