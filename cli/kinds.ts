/** Kinds by the words people type, and objects by the names kubectl gives them. */
import type { ResourceRef } from "../mesh/api.ts";
import type { Kind } from "../mesh/resources/kind.ts";
import { findKind, KINDS } from "../mesh/resources/kinds.ts";
import { nearest } from "../mesh/resources/nearest.ts";
import { usage } from "./failure.ts";

/** `hr`, `httproute`, `HTTPRoutes`, `httproutes.gateway.networking.k8s.io` -> the kind. Throws a usage Failure with the nearest word. */
export function kindCalled(word: string): Kind {
  const kind = findKind(word);
  if (kind) return kind;
  const guess = nearest(
    word.toLowerCase(),
    KINDS.flatMap(({ singular, plural, shortNames }) => [singular, plural, ...shortNames]),
  );
  throw usage(`unknown kind "${word}"${guess === undefined ? "" : `; did you mean ${guess}?`}`);
}

/** `httproute.gateway.networking.k8s.io`, `service`. */
export const typeName = ({ singular, group }: Pick<Kind, "singular" | "group">): string =>
  group ? `${singular}.${group}` : singular;

/** `httproute.gateway.networking.k8s.io/checkout`: what apply prints, what `get -o name` prints, what get and delete take. */
export function objectName({ kind, name }: Pick<ResourceRef, "kind" | "name">): string {
  const info = KINDS.find((each) => each.kind === kind);
  return `${info ? typeName(info) : kind.toLowerCase()}/${name}`;
}

/** `KIND NAME…` and `KIND/NAME…`, as kubectl takes both. */
export function parseTargets(words: readonly string[]): { readonly kind: Kind; readonly names: readonly string[] }[] {
  const [first = "", ...rest] = words;
  if (!first.includes("/")) return [{ kind: kindCalled(first), names: rest }];
  return words.map((word) => {
    const [kind = "", name = "", ...more] = word.split("/");
    if (kind === "" || name === "" || more.length > 0)
      throw usage(`"${word}" is not KIND/NAME, and KIND/NAME cannot be mixed with KIND NAME`);
    return { kind: kindCalled(kind), names: [name] };
  });
}
