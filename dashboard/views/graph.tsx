/** Who calls whom, laid out by dagre from left to right as Kiali does. */
import dagre from "@dagrejs/dagre";
import { useMemo } from "preact/hooks";
import type { MetricsResponse } from "../../mesh/api.ts";
import { useLive } from "../api.ts";
import { milliseconds, percent, plural, rate } from "../format.ts";
import { byBadness, healthOf, metricsPath, type Point } from "../model.ts";
import { altered, hrefOf } from "../place.ts";
import { Card, Dot, Empty, Filter, Head, type Shown, Trouble } from "../shell.tsx";
import { outside } from "./service.tsx";

type Call = { readonly from: string; readonly to: string; readonly total: Point };

/** More than these can neither be laid out between two looks nor be read. */
const MOST_CALLS = 150;
const WIDTH = 168;
const HEIGHT = 44;

export function Graph({ place, range, paused }: Shown) {
  const { data, error } = useLive<MetricsResponse>(
    () => metricsPath(range, "caller,callee", Date.now() / 1000, false),
    `graph ${range.name}`,
    paused,
  );
  const find = place.query["find"] ?? "";
  const all: Call[] = (data?.groups ?? []).map(({ labels, total }) => ({
    from: outside(labels.caller),
    to: labels.callee || "no service",
    total,
  }));
  const asked = all.filter(({ from, to }) => from.includes(find) || to.includes(find));
  const calls = asked.toSorted((a, b) => byBadness(a.total, b.total)).slice(0, MOST_CALLS);
  const layout = useLayout(calls);
  const selected = place.query["node"];

  return (
    <>
      <Head
        title="Service graph"
        sub={data ? `${plural(asked.length, "pair")} of caller and service in ${range.name}` : "Asking control…"}
        command="selvedge routes"
      />
      <Trouble error={error} />
      <Filter place={place} label="Only calls of" />
      {asked.length > calls.length && (
        <p class="note">
          The {MOST_CALLS} worst of {asked.length} are drawn; find a name to see others.
        </p>
      )}
      {data && calls.length === 0 ? (
        <Card>
          <Empty command="curl http://127.0.0.1:8787/~catalog.shop/items">
            {find
              ? `Nothing with “${find}” in its name was called in this time.`
              : "No call was counted in this time. Send one through an edge."}
          </Empty>
        </Card>
      ) : (
        <div class={selected ? "graph with-panel" : "graph"}>
          <Card>
            <div class="canvas">
              <svg
                viewBox={`0 0 ${layout.width} ${layout.height}`}
                width={layout.width}
                height={layout.height}
                role="img"
                aria-label="Service graph"
              >
                {layout.edges.map(({ from, to, path, label }) => {
                  const call = calls.find((one) => one.from === from && one.to === to);
                  if (!call) return null;
                  const health = healthOf(call.total);
                  return (
                    <g
                      key={`${from} ${to}`}
                      class={`call ${health} ${selected && selected !== from && selected !== to ? "aside" : ""}`}
                      data-call={`${from} → ${to}`}
                    >
                      <path d={path} stroke-width={Math.min(5, 1.5 + Math.log10(1 + call.total.rate))} />
                      <text x={label.x} y={label.y - 6}>
                        {rate(call.total.rate)}/s
                        {call.total.errors > 0 && ` · ${percent(call.total.errors, call.total.requests)} 5xx`}
                      </text>
                    </g>
                  );
                })}
                {layout.nodes.map(({ name, x, y }) => {
                  const { namespace, short } = partsOf(name);
                  return (
                    <a
                      key={name}
                      href={altered(place, { node: selected === name ? undefined : name })}
                      aria-label={name}
                    >
                      <g
                        class={`node ${healthOf(sumOf(calls, name))} ${selected === name ? "selected" : ""}`}
                        data-node={name}
                        transform={`translate(${x - WIDTH / 2} ${y - HEIGHT / 2})`}
                      >
                        <rect width={WIDTH} height={HEIGHT} rx="10" />
                        <circle cx="18" cy={HEIGHT / 2} r="4.5" />
                        <text x="34" y={namespace ? 19 : 27}>
                          {short.length > 18 ? `${short.slice(0, 17)}…` : short}
                        </text>
                        {namespace && (
                          <text class="small" x="34" y="34">
                            {namespace}
                          </text>
                        )}
                      </g>
                    </a>
                  );
                })}
              </svg>
            </div>
            <p class="legend-line">
              <Dot health="healthy" /> healthy <Dot health="degraded" /> from 0.1 % 5xx <Dot health="failing" /> from 10
              % 5xx
            </p>
          </Card>
          {selected && (
            <Panel
              name={selected}
              calls={all}
              close={altered(place, { node: undefined })}
              page={hrefOf("service", { name: selected }, place)}
            />
          )}
        </div>
      )}
    </>
  );
}

function Panel({ name, calls, close, page }: { name: string; calls: readonly Call[]; close: string; page: string }) {
  const into = calls.filter(({ to }) => to === name);
  const out = calls.filter(({ from }) => from === name);
  return (
    <Card title={name} note={<a href={close}>close</a>} id="panel">
      {[["Called by", into, "from"] as const, ["Calls", out, "to"] as const].map(([title, list, other]) => (
        <div key={title}>
          <h3>{title}</h3>
          {list.length === 0 && <p class="note">nobody in this time</p>}
          {list.map((call) => (
            <dl key={call[other]}>
              <dt>
                <Dot health={healthOf(call.total)} /> {call[other]}
              </dt>
              <dd>
                {plural(call.total.requests, "request")}, {rate(call.total.rate)}/s
                <br />
                {percent(call.total.requests - call.total.errors, call.total.requests)} success, p99{" "}
                {milliseconds(call.total.p99)}
              </dd>
            </dl>
          ))}
        </div>
      ))}
      {name.includes("/") && (
        <a class="button" href={page}>
          Open the service
        </a>
      )}
    </Card>
  );
}

const partsOf = (name: string): { readonly namespace: string; readonly short: string } => {
  const slash = name.indexOf("/");
  return { namespace: slash < 0 ? "" : name.slice(0, slash), short: name.slice(slash + 1) };
};

/** A node is as healthy as what it answers; one that only calls is as its calls are. */
function sumOf(calls: readonly Call[], name: string): { readonly requests: number; readonly errors: number } {
  const into = calls.filter(({ to }) => to === name);
  const sum = { requests: 0, errors: 0 };
  for (const { total } of into) {
    sum.requests += total.requests;
    sum.errors += total.errors;
  }
  return sum;
}

type Layout = {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly { readonly name: string; readonly x: number; readonly y: number }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly path: string;
    readonly label: { readonly x: number; readonly y: number };
  }[];
};

/** Laid out again only when who calls whom has changed: numbers alone must not move anything. */
function useLayout(calls: readonly Call[]): Layout {
  const pairs = calls.map(({ from, to }) => [from, to] as const).toSorted((a, b) => (a.join() < b.join() ? -1 : 1));
  return useMemo(() => {
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: "LR", ranksep: 210, nodesep: 28, marginx: 16, marginy: 16 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const name of new Set(pairs.flat())) graph.setNode(name, { width: WIDTH, height: HEIGHT });
    for (const [from, to] of pairs) graph.setEdge(from, to);
    dagre.layout(graph);
    const { width = 0, height = 0 } = pairs.length > 0 ? graph.graph() : {};
    return {
      width,
      height,
      nodes: graph.nodes().map((name) => ({ name, x: graph.node(name).x ?? 0, y: graph.node(name).y ?? 0 })),
      edges: graph.edges().map(({ v, w }) => {
        const points = fromSideToSide(graph.node(v), graph.edge({ v, w }).points ?? [], graph.node(w));
        return { from: v, to: w, path: curve(points), label: labelSpot(points) };
      }),
    };
  }, [JSON.stringify(pairs)]);
}

type Spot = { readonly x: number; readonly y: number };

/** Dagre leaves a node towards the next point, by its top as well; from left to right a line reads better from side to side. */
function fromSideToSide(from: Partial<Spot>, points: readonly Spot[], to: Partial<Spot>): readonly Spot[] {
  const { x: fromX = 0, y: fromY = 0 } = from;
  const { x: toX = 0, y: toY = 0 } = to;
  if (fromX >= toX) return points;
  return [{ x: fromX + WIDTH / 2, y: fromY }, ...points.slice(1, -1), { x: toX - WIDTH / 2, y: toY }];
}

/** Over the level stretch before the arrival: nearer the start, lines of one caller run together. */
function labelSpot(points: readonly Spot[]): Spot {
  const last = points.at(-1) ?? { x: 0, y: 0 };
  const middle = points[Math.floor(points.length / 2)] ?? last;
  return { x: (middle.x + last.x) / 2, y: last.y };
}

/** Through the points, level where it leaves and where it arrives. */
function curve(points: readonly Spot[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return "";
  const steps = points.slice(1).map((to, index) => {
    const from = points[index]!; // one before `to`
    const middle = (from.x + to.x) / 2;
    return `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
  });
  return `M${first.x} ${first.y}${steps.join("")}`;
}
