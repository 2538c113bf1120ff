/** One process of a mesh that runs as several: `node local/role.ts '<MeshOptions as JSON>'`. Says `ready` on stdout. */
import { bootMesh, type MeshOptions } from "./mesh.ts";

await bootMesh(JSON.parse(process.argv[2] ?? "{}") as MeshOptions);
console.log("ready");
