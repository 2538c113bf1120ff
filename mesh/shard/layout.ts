/**
 * A shard's bytes: a head of 32-bit words, sections of 32-bit words, then text. All words are little-endian, as is every machine
 * that runs this. An edge lays typed arrays over the bytes and is done: nothing is parsed, nothing is built.
 *
 *     head       MAGIC, format, then how many words each section has
 *     sections   in the order of SECTIONS; records of a fixed number of words; references are numbers of records
 *     text       of all texts, one after the other
 *
 * A range of records is kept as its begin alone: it ends where the next record's begins, so that such a section has one record
 * more than it counts.
 */

/** Words that a record of a section has, in the order in which sections follow each other. */
export const SECTIONS = {
  /** Where each text ends; it begins where the one before it ends. */
  texts: 1,
  /** The text of each scope: a listener, or a port of services. */
  scopes: 1,
  /** Scope, name, table: where a host or a service finds its routes. */
  entries: 3,
  /** Number + 1 of an entry, by hash of scope and name; 0 is free. */
  entrySlots: 1,
  /** The length of the longest path that a table has. */
  tables: 1,
  /** Table, path, begin of its exact candidates, of its patterns, of its prefixes. */
  places: 5,
  /** Number + 1 of a place, by hash of table and path; 0 is free. */
  placeSlots: 1,
  /** First candidate of a long list, begin of its keys. */
  lists: 2,
  /** Number in KEY_KINDS, text of the name, length of the longest value. */
  keys: 3,
  /** Key, text of the value, begin of the members that ask for it. */
  values: 3,
  /** Number + 1 of a value, by hash of key and text; 0 is free. */
  valueSlots: 1,
  /** Candidates, in the order of their list. */
  members: 1,
  /** Rule, text + 1 of the method, pattern + 1 of the path, begin of its header conditions, of its query conditions. */
  candidates: 5,
  /** Text of the name, text of the value, pattern + 1. */
  conditions: 3,
  /** The text of each pattern. */
  patterns: 1,
  /** Text of the route, text of the rule's name, stack, begin of its shares. */
  rules: 4,
  /** Backend + 1, weight, stack. */
  shares: 3,
  /** The text of each stack of layers, in canonical JSON. */
  stacks: 1,
  /** The text of each backend, in canonical JSON. */
  backends: 1,
} as const;

export type Section = keyof typeof SECTIONS;
export const SECTION_NAMES = Object.keys(SECTIONS) as Section[];

/** "SLVS" */
export const MAGIC = 0x53564c53;
export const HEAD_WORDS = 2 + SECTION_NAMES.length;
