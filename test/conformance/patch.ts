/** RFC 6902 on plain JSON, as the cases' updates use it. */
import type { PatchStep } from "./case.ts";

/** `document` with `steps` carried out. Throws when a path is not there or a test fails. */
export function patched<T>(document: T, steps: readonly PatchStep[]): T {
  const root = { value: structuredClone(document) as unknown };
  for (const step of steps) run(root, step);
  return root.value as T;
}

type Root = { value: unknown };

function run(root: Root, { op, path, from = "", value }: PatchStep): void {
  switch (op) {
    case "add":
      return insert(root, path, structuredClone(value));
    case "remove":
      return void take(root, path);
    case "replace":
      take(root, path);
      return insert(root, path, structuredClone(value));
    case "move":
      return insert(root, path, take(root, from));
    case "copy":
      return insert(root, path, structuredClone(read(root, from)));
    case "test":
      if (JSON.stringify(read(root, path)) !== JSON.stringify(value)) throw new Error(`${path} is not as tested`);
  }
}

type Container = Record<string, unknown> | unknown[];

/** The container of the last part of a pointer, and that part. An empty pointer is the document, which the root holds. */
function at(root: Root, pointer: string): [container: Container, key: string] {
  const parts = ["value", ...pointer.split("/").slice(1)].map((part) =>
    part.replaceAll("~1", "/").replaceAll("~0", "~"),
  );
  let container: unknown = root;
  for (const part of parts.slice(0, -1)) container = (container as Record<string, unknown>)[part];
  if (typeof container !== "object" || container === null) throw new Error(`nothing is at ${pointer}`);
  return [container as Container, parts.at(-1)!];
}

function read(root: Root, pointer: string): unknown {
  const [container, key] = at(root, pointer);
  if (!(key in container)) throw new Error(`nothing is at ${pointer}`);
  return (container as Record<string, unknown>)[key];
}

function insert(root: Root, pointer: string, value: unknown): void {
  const [container, key] = at(root, pointer);
  if (Array.isArray(container)) container.splice(key === "-" ? container.length : Number(key), 0, value);
  else container[key] = value;
}

function take(root: Root, pointer: string): unknown {
  const value = read(root, pointer);
  const [container, key] = at(root, pointer);
  if (Array.isArray(container)) container.splice(Number(key), 1);
  else delete container[key];
  return value;
}
