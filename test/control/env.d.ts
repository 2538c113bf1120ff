declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./worker.ts");
  }
  interface Env {
    readonly SNAPSHOTS: KVNamespace;
    readonly CONFIG: DurableObjectNamespace<import("../../durable-objects/index.ts").ConfigObject>;
    readonly FLEET: DurableObjectNamespace<import("../../durable-objects/index.ts").FleetObject>;
    readonly COLLECTOR: DurableObjectNamespace<import("../../durable-objects/index.ts").CollectorObject>;
    readonly IDENTITY: DurableObjectNamespace<import("../../durable-objects/index.ts").IdentityObject>;
    readonly CONTROL_TOKEN: string;
  }
}
