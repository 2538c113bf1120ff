/** What an object has stored: outlives its instances, and stops one that another has taken over from. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { copyOf } from "./copy.ts";

export type Disk = {
  readonly kv: Map<string, unknown>;
  sql: DatabaseSync | undefined;
  /** Milliseconds since 1970. */
  alarm: number | undefined;
};

export const emptyDisk = (): Disk => ({ kv: new Map(), sql: undefined, alarm: undefined });

/** The part of DurableObjectStorage that the mesh uses. `check` throws where the instance must not go on. */
export function storageOn(disk: Disk, check: () => void, onAlarm: (at: number) => void) {
  const database = (): DatabaseSync => (disk.sql ??= new DatabaseSync(":memory:"));
  return {
    kv: {
      get: (key: string) => {
        check();
        return copyOf(disk.kv.get(key));
      },
      put: (key: string, value: unknown) => {
        check();
        disk.kv.set(key, copyOf(value));
      },
      delete: (key: string) => {
        check();
        return disk.kv.delete(key);
      },
    },
    sql: {
      exec: (query: string, ...bindings: unknown[]) => {
        check();
        return execute(database(), query, bindings);
      },
    },
    transactionSync<T>(code: () => T): T {
      check();
      const sql = database();
      execute(sql, "SAVEPOINT here", []);
      try {
        const result = code();
        execute(sql, "RELEASE here", []);
        return result;
      } catch (error) {
        execute(sql, "ROLLBACK TO here", []);
        execute(sql, "RELEASE here", []);
        throw error;
      }
    },
    getAlarm: async () => {
      check();
      return disk.alarm ?? null;
    },
    setAlarm: async (at: number) => {
      check();
      disk.alarm = at;
      onAlarm(at);
    },
    deleteAll: async () => {
      check();
      disk.kv.clear();
      disk.sql?.close();
      disk.sql = undefined;
    },
  };
}

type Prepared = { readonly statement: ReturnType<DatabaseSync["prepare"]>; readonly answers: boolean };
const prepared = new WeakMap<DatabaseSync, Map<string, Prepared>>();

function execute(database: DatabaseSync, query: string, bindings: readonly unknown[]) {
  if (bindings.length === 0 && /^\s*CREATE/.test(query)) {
    database.exec(query);
    return cursor([], 0);
  }
  const { statement, answers } = preparedFor(database, query);
  if (answers) return cursor(statement.all(...(bindings as SQLInputValue[])), 0);
  return cursor([], Number(statement.run(...(bindings as SQLInputValue[])).changes));
}

function preparedFor(database: DatabaseSync, query: string): Prepared {
  let known = prepared.get(database);
  if (!known) prepared.set(database, (known = new Map()));
  let ready = known.get(query);
  if (!ready) {
    ready = { statement: database.prepare(query), answers: /^\s*(SELECT|WITH)|RETURNING/.test(query) };
    known.set(query, ready);
  }
  return ready;
}

const cursor = (rows: readonly Record<string, unknown>[], rowsWritten: number) => ({
  rowsWritten,
  toArray: () => rows,
  one: () => {
    if (rows.length !== 1) throw new Error(`one row expected, not ${rows.length}`);
    return rows[0];
  },
  [Symbol.iterator]: () => rows[Symbol.iterator](),
});
