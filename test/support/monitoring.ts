/** What monitoring/ asks Prometheus. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

const read = (path: string): string => readFileSync(new URL(`../../monitoring/${path}`, import.meta.url), "utf8");

type Dashboard = { readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[] };
type Alerts = {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
};

/** Each panel's, with Grafana's variables as they are at first. */
export const dashboardQueries = (): readonly string[] =>
  (JSON.parse(read("grafana/selvedge.json")) as Dashboard).panels
    .flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$callee", ".*"));

export const alertRules = () => (parse(read("prometheus/alerts.yaml")) as Alerts).groups.flatMap(({ rules }) => rules);
export const alertExpressions = (): readonly string[] => alertRules().map(({ expr }) => expr);
