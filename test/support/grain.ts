/** The grains at which a pack of cases is run: Miniflare's edge, or what `selvedge node` runs. */
import { bootMesh, type MeshOptions } from "../../local/mesh.ts";
import { bootOnWorkerd } from "../../local/node.ts";

const GRAINS = ["edge", "node"] as const;
export type Grain = (typeof GRAINS)[number];

/** Throws for a name that is none. */
export function grainOf(name: string): Grain {
  const grain = GRAINS.find((one) => one === name);
  if (!grain) throw new Error(`--grain takes ${GRAINS.join(" or ")}, not ${name}`);
  return grain;
}

export async function bootGrain(
  grain: Grain,
  options: MeshOptions,
): Promise<{ readonly dispose: () => Promise<void> }> {
  if (grain === "edge") return bootMesh(options);
  const workerd = await bootOnWorkerd(options);
  return { dispose: () => workerd.drain(0) };
}
