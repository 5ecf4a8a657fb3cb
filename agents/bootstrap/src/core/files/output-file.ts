/** One file of the node's configuration, by its path relative to /etc. */
export interface OutputFile {
  readonly path: string;
  /** Undefined: the file must not exist. */
  readonly content: string | undefined;
  readonly mode: number;
  /** The encoding of `content`; text when absent. */
  readonly encoding?: 'base64';
  /** The file comes from the document's `files` or `registries`, and kubelet is not restarted for it. */
  readonly isUserFile?: boolean;
}
