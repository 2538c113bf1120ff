import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: [
            "test/{mesh,cli,client,conformance,attacks,local,edge-proxy,dashboard,toolchain,bench}/**/*.test.ts",
          ],
          setupFiles: ["test/support/seed.ts"],
          // Property tests and processes of the CLI compute for seconds; on a busy machine for several.
          testTimeout: 30_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml", environment: "state" } })],
        test: { name: "workerd", include: ["test/durable-objects/**/*.test.ts"], testTimeout: 30_000 },
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
        test: { name: "control", include: ["test/control/**/*.test.ts"], testTimeout: 30_000 },
      },
      // Real processes and sockets on two cores: one file at a time, or timings mean nothing.
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
