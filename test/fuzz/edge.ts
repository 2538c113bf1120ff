/**
 * Raw requests against a real edge on its own socket. Whatever is sent, the edge lives; no 5xx is of its own making; no origin gets a path
 * that can be read as one that policies deny, nor a request that belongs to another host or bears no good token.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { bootMesh } from "../../local/mesh.ts";
import { Origin, type Recorded } from "../attacks/origin.ts";
import { readings } from "../attacks/readings.ts";
import { valuesOf } from "../attacks/bytes.ts";
import { ONE_LINE } from "../attacks/floor.ts";
import { controlClient, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { wireRequest } from "./wire.ts";

/** What the mesh says on purpose with a 5xx; how long there is, callers say too. */
const MEANT = ["method-not-carried", "loop-detected", "deadline-exceeded"];
const ANSWER_MS = 1500;
/** Of an answer that decides, on a machine that is busy. */
const ALIVE_MS = 30_000;
/** On connections of their own, at once. */
const AT_ONCE = 10;
const PER_STEP = 200;

export async function fuzzEdge(seed: number, minutes: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-fuzz-"));
  const [control, edge, bare, open, guarded] = await Promise.all(Array.from({ length: 5 }, freePort));
  const origins = [new Origin("open", {}), new Origin("guarded", {})];
  await origins[0]!.listen(open!); // five ports were asked for
  await origins[1]!.listen(guarded!);
  const mesh = await bootMesh({
    dir,
    control: { port: control!, token: TOKEN },
    edges: [{ name: "fuzzed", port: edge!, hostPreserving: [open, guarded].map((port) => `127.0.0.1:${port}`) }],
    neighbours: [{ name: "one-line", port: bare!, code: ONE_LINE }],
  });
  const sent = { requests: 0, answered: 0, passed: 0 };
  try {
    await controlClient(control!, [edge!]).applied(resources(open!, guarded!));
    const holds = fc.asyncProperty(
      fc.array(wireRequest, { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (requests) => {
        for (const origin of origins) origin.forget();
        const answers = await Promise.all(requests.map((bytes) => answerTo(edge!, bytes)));
        sent.requests += requests.length;
        for (const [index, text] of answers.entries()) {
          if (text !== "") sent.answered++;
          const bytes = requests[index]!; // one answer a request
          const wrong = await ownFailure(text, {
            again: () => answerTo(edge!, bytes, ALIVE_MS),
            withoutMesh: () => answerTo(bare!, bytes, ALIVE_MS),
          });
          if (wrong !== undefined) throw new Error(`${wrong} was the answer to ${JSON.stringify(bytes)}`);
        }
        const arrived = origins.flatMap((origin) => origin.requests);
        sent.passed += arrived.length;
        for (const one of arrived) judge(one);
        const garbage = origins.flatMap((origin) => origin.garbage);
        if (garbage.length > 0) throw new Error(`an origin could not read ${JSON.stringify(garbage[0])}`);
        const alive = await answerTo(
          edge!,
          "GET /alive HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
          ALIVE_MS,
        );
        if (!alive.startsWith("HTTP/1.1 200"))
          throw new Error(`afterwards the edge answered ${JSON.stringify(alive.slice(0, 200))}`);
      },
    );
    const end = Date.now() + minutes * 60_000;
    for (let own = seed; Date.now() < end; own++) {
      const result = await fc.check(holds, { numRuns: PER_STEP, seed: own });
      const { requests, answered, passed } = sent;
      console.log(`seed ${own}: ${requests} requests, ${answered} answered, ${passed} reached an origin`);
      if (!result.failed) continue;
      throw new Error(`${String(result.errorInstance)}\nagain: npm run fuzz -- --edge 1 --seed ${own}`);
    }
  } finally {
    await mesh.dispose();
    for (const origin of origins) origin.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The bytes that come back until the connection ends, or until there is a response's head and silence. */
const answerTo = (port: number, bytes: string, waitMs = ANSWER_MS): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    const done = () => {
      clearTimeout(limit);
      socket.destroy();
      resolve(text);
    };
    const limit = setTimeout(done, waitMs);
    socket.on("error", done).on("close", done);
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (text.includes("\r\n\r\n")) setTimeout(done, 5);
    });
    socket.end(Buffer.from(bytes, "latin1"));
  });

/**
 * What is wrong with an answer, if it is the mesh's fault and not the runtime's, which gives a 5xx for the same bytes without the mesh. Whose
 * fault a broken body is an isolate knows from its second one on (workers/edge-proxy/sent-body.ts): that answer is asked for again.
 */
async function ownFailure(
  first: string,
  { again, withoutMesh }: Readonly<Record<"again" | "withoutMesh", () => Promise<string>>>,
): Promise<string | undefined> {
  const text = /\r\nselvedge-cause: upstream-unreachable\r/i.test(first) ? await again() : first;
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
  if (status < 500) return undefined;
  const cause = /\r\nselvedge-cause: (\S+)/i.exec(text)?.[1];
  if (cause !== undefined && MEANT.includes(cause)) return undefined;
  if (cause === undefined && /^HTTP\/1\.[01] 5/.test(await withoutMesh())) return undefined;
  return `${status} ${cause ?? "without a cause"}`;
}

function judge({ origin, target, fields }: Recorded): void {
  const host = valuesOf(fields, "host").join();
  const shown = `${host} ${JSON.stringify(target)}`;
  if (origin === "guarded") throw new Error(`the guarded origin got ${shown}`);
  if (!/^paths\.test/i.test(host)) return;
  for (const path of readings(target))
    if (path === "/admin" || path.startsWith("/admin/"))
      throw new Error(`an origin got ${shown}, which can be read as ${path}`);
}

/** `guarded` has nobody's leave: behind a denied host, and behind tokens that nobody can sign. */
const resources = (open: number, guarded: number): string => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: fuzzed }
spec: { gatewayClassName: selvedge, listeners: [{ name: any, port: 80, protocol: HTTP, hostname: "*.test" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: open }
spec: { endpoints: [{ url: "http://127.0.0.1:${open}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: guarded }
spec: { endpoints: [{ url: "http://127.0.0.1:${guarded}" }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: open }
spec:
  parentRefs: [{ name: fuzzed }]
  hostnames: [open.test, paths.test]
  rules: [{ backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: open }] }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: paths }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: open }]
  action: DENY
  rules: [{ to: [{ operation: { hosts: [paths.test], paths: [/admin, /admin/*] } }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: secret }
spec:
  parentRefs: [{ name: fuzzed }]
  hostnames: [secret.test]
  rules: [{ backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: guarded }] }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: secret }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: secret }]
  action: DENY
  rules: [{ to: [{ operation: { hosts: [secret.test] } }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: jwt }
spec:
  parentRefs: [{ name: fuzzed }]
  hostnames: [jwt.test]
  rules: [{ backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: guarded }] }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthenticationPolicy
metadata: { name: jwt }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: jwt }]
  required: true
  jwtRules:
    - issuer: https://issuer.test
      audiences: [mesh-api]
      jwks: { keys: [{ kty: EC, kid: ec-1, crv: P-256, x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] }
`;
