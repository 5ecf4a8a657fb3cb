import type { YAMLError } from 'yaml';

/** The faults of a text's form, as a person who wrote it sees them. A parser's own sentences are for programmers. */
const CAUSES: Partial<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'has an anchor or a tag at an alias, where there can be none',
  BAD_ALIAS: 'has an alias or an anchor without a name',
  BAD_COLLECTION_TYPE: 'has a tag of another kind of collection',
  BAD_DIRECTIVE: 'has an unknown line that begins with %',
  BAD_DQ_ESCAPE: 'has an unknown escape in a double-quoted string',
  BAD_INDENT: 'is not indented deep enough, or a bracket or a brace is not closed',
  BAD_PROP_ORDER: 'has an anchor or a tag in the wrong place',
  BAD_SCALAR_START: 'begins with a character that must be quoted',
  BLOCK_AS_IMPLICIT_KEY: 'has a second key on one line, or a value with “: ” that must be quoted',
  BLOCK_IN_FLOW: 'has indented lines between brackets',
  DUPLICATE_KEY: 'repeats a key of the same object',
  KEY_OVER_1024_CHARS: 'has a key of more than 1024 characters',
  MISSING_CHAR: 'lacks a character, such as a closing quote, a comma or a colon',
  MULTILINE_IMPLICIT_KEY: 'has no colon after its key, or a key of more than one line',
  MULTIPLE_ANCHORS: 'has two anchors at one value',
  MULTIPLE_DOCS: 'begins a second document',
  MULTIPLE_TAGS: 'has two tags at one value',
  NON_STRING_KEY: 'has a key that is not a text',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  TAB_AS_INDENT: 'is indented with a tab, where YAML wants spaces',
  TAG_RESOLVE_FAILED: 'has an unknown tag, which begins with !',
  UNEXPECTED_TOKEN: 'is not indented as the lines before it, or has something after its value',
};

/** Returns what is wrong with the form of a text, without a part of it: it may hold secrets. */
export const causeOf = ({ code }: Pick<YAMLError, 'code'>): string => CAUSES[code] ?? 'is not YAML';
