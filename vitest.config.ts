import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Files that load a machine of two cores by themselves, or measure what another's load would change. */
const ALONE = ["bodies", "concurrency", "config", "rate-limit", "resilience", "start-time"].map(
  (name) => `test/e2e/${name}.test.ts`,
);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          // Vitest's default is one fewer than there are cores.
          maxWorkers: 2,
          include: [
            "test/{mesh,cli,client,conformance,attacks,faults,local,edge-proxy,workers,dashboard,toolchain,bench}/**/*.test.ts",
          ],
          setupFiles: ["test/support/seed.ts"],
          // Property tests and processes of the CLI compute for seconds; on a busy machine for several.
          testTimeout: 30_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml", environment: "state" } })],
        test: { name: "workerd", include: ["test/durable-objects/**/*.test.ts"], testTimeout: 30_000, maxWorkers: 2 },
      },
      {
        plugins: [
          cloudflareTest({
            main: "./test/control/worker.ts",
            miniflare: {
              compatibilityDate: "2026-10-01",
              kvNamespaces: ["SNAPSHOTS"],
              durableObjects: {
                CONFIG: { className: "ConfigObject", useSQLite: true },
                FLEET: { className: "FleetObject", useSQLite: true },
                BREAKER: { className: "BreakerObject", useSQLite: true },
                RATE_LIMIT: { className: "RateLimitObject", useSQLite: true },
                COLLECTOR: { className: "CollectorObject", useSQLite: true },
                IDENTITY: { className: "IdentityObject", useSQLite: true },
              },
              bindings: { ALLOW_RESERVED: "true", CONTROL_TOKEN: "a-token-of-more-than-thirty-two-characters" },
            },
          }),
        ],
        test: { name: "control", include: ["test/control/**/*.test.ts"], testTimeout: 30_000, maxWorkers: 2 },
      },
      // Real processes and sockets. Most of their time is waiting: for leases to lapse, for circuits to close, for processes to start.
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ALONE,
          globalSetup: ["test/support/bundles.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: ALONE,
          globalSetup: ["test/support/bundles.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
