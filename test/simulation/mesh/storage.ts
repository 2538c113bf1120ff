/** What an object has stored: outlives its instances, and stops one that another has taken over from. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

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
        return structuredClone(disk.kv.get(key));
      },
      put: (key: string, value: unknown) => {
        check();
        disk.kv.set(key, structuredClone(value));
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
      database().exec("SAVEPOINT here");
      try {
        const result = code();
        database().exec("RELEASE here");
        return result;
      } catch (error) {
        database().exec("ROLLBACK TO here; RELEASE here");
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

const statements = new WeakMap<DatabaseSync, Map<string, ReturnType<DatabaseSync["prepare"]>>>();

function execute(database: DatabaseSync, query: string, bindings: readonly unknown[]) {
  if (bindings.length === 0 && /^\s*CREATE/.test(query)) {
    database.exec(query);
    return cursor([], 0);
  }
  const known = statements.get(database) ?? new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  statements.set(database, known);
  const statement = known.get(query) ?? database.prepare(query);
  known.set(query, statement);
  if (/^\s*(SELECT|WITH)|RETURNING/.test(query)) return cursor(statement.all(...(bindings as SQLInputValue[])), 0);
  return cursor([], Number(statement.run(...(bindings as SQLInputValue[])).changes));
}

const cursor = (rows: readonly Record<string, unknown>[], rowsWritten: number) => ({
  rowsWritten,
  toArray: () => rows.map((row) => ({ ...row })),
  one: () => {
    if (rows.length !== 1) throw new Error(`one row expected, not ${rows.length}`);
    return { ...rows[0] };
  },
  [Symbol.iterator]: () => rows[Symbol.iterator](),
});
