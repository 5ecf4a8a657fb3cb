/** What Kubernetes' validation says, and our words for it: `$1` stands for the first part in brackets. */
export type Sentences = readonly (readonly [RegExp, string])[];

/** What Kubernetes' validation says of values, and our words for it. */
export const INVALID: Sentences = [
  [/RFC 1123 label/, 'must be lower-case letters, digits and -, at most 63 characters'],
  [/RFC 1123 subdomain/, 'must be lower-case letters, digits, - and ., at most 253 characters'],
  [/between (-?\w+) and (\w+), inclusive/, 'must be from $1 to $2'],
  [/greater than 0 and less than or equal to (\S+)/, 'must be more than 0 and at most $1'],
  [/must match `containerPort`/, 'must equal containerPort in the host’s network'],
  [/less than or equal to (\S+) limit of (\S+)/, 'has more $1 than the limit of $2'],
  [/must be unique/, 'is the place of another mount already'],
  [/must not contain '\.\.'/, 'must not contain ..'],
  [/must be an absolute path/, 'must begin with /'],
  [/must be a relative path/, 'must not begin with /'],
  [/greater than or equal to (\d+)/, 'must be at least $1'],
  [/must be greater than (?:zero|0)|must be a positive number/, 'must be more than 0'],
  [/IANA_SVC_NAME|no more than 15|alpha-numeric characters \(a-z|at least one letter|consecutive hyphens|begin or end with a hyphen/, 'must be lower-case letters, digits and -, at most 15 characters, with a letter'],
  [/environment variable name/, 'must be printable characters without ='],
  [/valid label must/, 'must be letters, digits, -, _ and ., at most 63 characters'],
  [/valid label key/, 'has a key that is not a name such as app or example.org/app'],
  [/name part must|qualified name/, 'must be a name such as app or example.org/app'],
  [/valid IP address/, 'must be an IP address'],
  [/octal|0777|file mode/, 'must be a mode from 0 to 0777'],
  [/must be a (?:standard|fully)|standard (?:limit|resource)|extended resource name/, 'is not the name of a resource: those are cpu, memory, ephemeral-storage, hugepages-SIZE and DOMAIN/NAME'],
  [/when `value` is not empty/, 'is a second source beside value'],
  [/converting fieldPath|does not support subscript/, 'must be a field that a pod offers, such as metadata.name, spec.nodeName or status.podIP'],
  [/must specify one of: `fieldRef`/, 'must have one of fieldRef, resourceFieldRef and fileKeyRef'],
  [/must specify one of: `configMapRef`/, 'has no source'],
  [/more than one field specified|specified simultaneously|exactly one reference/, 'has two sources'],
  [/ShareProcessNamespace and HostPID/, 'must not be true beside hostPID'],
  [/when 'hostNetwork' is true/, 'must not be set in the host’s network'],
  [/when 'hostIPC' is true/, 'must not be set beside hostIPC'],
  [/characters and match regex/, 'must be the name of a setting, such as net.ipv4.tcp_syncookies'],
  [/must not have more than (\d+) ([a-z]+(?: paths)?)/, 'must have at most $1 $2'],
  [/`privileged` to true/, 'has allowPrivilegeEscalation: false beside privileged: true'],
  [/`capabilities.Add` CAP_SYS_ADMIN/, 'has allowPrivilegeEscalation: false beside the capability CAP_SYS_ADMIN'],
  [/^must be 1$/, 'must be 1'],
  [/for readinessProbes/, 'must not be set for a readiness probe'],
  [/must not contain dots/, 'must not contain dots'],
  [/value must be empty when `operator` is 'Exists'/, 'must be Equal beside a value'],
  [/effect must be 'NoExecute'/, 'must be NoExecute beside tolerationSeconds'],
  [/PersistentVolumeClaim or Ephemeral for block/, 'is not a volume of a claim, as a block device is'],
  [/valid seccomp profile/, 'must be runtime/default, unconfined or localhost/PROFILE'],
  [/type is Localhost/, 'must not be set without the type Localhost'],
  [/whitespace/, 'must not have blanks before or behind it'],
  [/conflicting duplicate paths/, 'is the place of another file already'],
  [/divisor's values? (.*) are supported/, 'must be one of $1'],
  [/not a valid selector operator/, 'must be In, NotIn, Exists, DoesNotExist, Gt or Lt'],
  [/range 1-100/, 'must be from 1 to 100'],
  [/must be valid format/, 'must be a name such as iqn.2001-04.com.example:disk'],
  [/container not found/, 'is for a container that is not there'],
  [/32bit integer/, 'must be an integer of 32 bits'],
  [/host:port pair/, 'must be HOST:PORT'],
  [/HTTP header/, 'must be the name of a header, such as X-Name'],
  [/must not start with '\.\.'/, 'must not begin with ..'],
  [/backsteps/, 'must not contain ..'],
  [/must not already exist/, 'is there as a volumeMount or volumeDevice already'],
  [/valid resource quantity/, 'must be a quantity such as 128Mi'],
  [/must be an integer/, 'must be an integer'],
  [/aggregate container (\w+) of (\S+)/, 'must be at least $2, the $1 of the containers together'],
  [/pod limits of (\S+)/, 'must be at most $1, the limit of the pod'],
  [/must be false to use `Unmasked`/, 'must not be Unmasked without hostUsers: false'],
  [/name of an entry in spec/, 'must be the name of a container of the pod'],
  [/must be non-negative|non-negative integer|must not be (?:a )?negative/, 'must not be negative'],
]; // prettier-ignore

/** What is right by itself and not together with the rest of the pod. */
export const FORBIDDEN: Sentences = [
  [/more than 1 volume type/, 'is a second source of its volume'],
  [/more than 1 handler type/, 'is a second way of its probe or hook'],
  [/without restartPolicy=Always/, 'must not be set: an init container without restartPolicy Always runs once'],
  [/cannot be set on create/, 'must be empty: only a running pod gets them'],
  [/windows/i, 'is for Windows'],
  [/schedulingGates/, 'is the node’s own, so the pod must not have schedulingGates'],
  [/when `hostUsers` is false/, 'must not be set beside hostUsers: false'],
  [/with empty `spec.os.name`/, 'must not be set without spec.os.name: linux'],
  [/HugePages require/, 'has huge pages, and must have cpu or memory too'],
  [/only to privileged containers/, 'must not be Bidirectional without securityContext.privileged: true'],
  [/only be specified when mountPropagation/, 'must not be set beside mountPropagation'],
  [/only be specified when readOnly/, 'must not be set without readOnly: true'],
  [/non-init containers/, 'must not be set: only init containers have it'],
  [/restart policy Always/, 'must not be set beside restartPolicy: Always'],
  [/when hostNetwork is true/, 'must not be set in the host’s network'],
  [/setHostnameAsFQDN is true/, 'must not be set beside setHostnameAsFQDN'],
  [/annotation and field must match/, 'must be the same as in the annotation'],
  [/labelSelector is not set/, 'must not be set without labelSelector'],
  [/resource claims|claims may not/, 'must not be set: a static pod has no resource claims'],
]; // prettier-ignore

/** What kubelet's reader of YAML says of texts that others take. */
export const UNREADABLE: Sentences = [
  [/tab character/, 'has a tab among the blanks before a text'],
  [/cannot start any token/, 'begins with a character that must be quoted, or with a tab'],
  [/expected ',' or/, 'lacks a comma or a bracket, or has a text between brackets that must be quoted'],
  [/expected ':'/, 'has a line without a colon after its key, or a text of more than one line that must be quoted'],
  [/expected node content/, 'lacks a value between brackets'],
  [/mapping values are not allowed/, 'has a value with “: ” that must be quoted'],
  [/cannot decode !!\w+ .* as a !!(\w+)/, 'has a value with the tag !!$1 that is none'],
  [/block (?:mapping|sequence|collection|entry)|expected (?:key|'-' indicator)/, 'is not indented as the lines before it'],
]; // prettier-ignore

/** Returns our words for a sentence. */
export function worded(table: Sentences, detail: string): string | undefined {
  for (const [pattern, words] of table) {
    const found = pattern.exec(detail);
    if (found !== null)
      return words.replaceAll(/\$(\d)/g, (_, at: string) => found[Number(at)] ?? '');
  }
  return undefined;
}
